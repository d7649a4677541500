import { openEtcdCoordinator } from '../coordination/index.ts';
import type { AgreementConfig } from './config.ts';
import { EtcdAgreement } from './etcd-agreement.ts';
import { type AgreementOptions, RaftAgreement } from './raft-agreement.ts';
import type { Agreement } from './types.ts';

/** Begins to agree with the others, by the driver that the configuration names. */
export async function openAgreement(config: AgreementConfig, options: AgreementOptions): Promise<Agreement> {
  if (config.driver === 'raft') {
    const agreement = new RaftAgreement(config, options);
    await agreement.start();
    return agreement;
  }
  const { clock, random } = options;
  const agreement = new EtcdAgreement(await openEtcdCoordinator(config, { clock, random }), options);
  agreement.start();
  return agreement;
}
