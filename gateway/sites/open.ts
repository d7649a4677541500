import type { Logger } from 'pino';
import type { Random } from '../../core/random/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { Agreement, AgreementConfig } from '../agreement/index.ts';
import { parseAddress } from '../transport/index.ts';
import { Sites } from './sites.ts';

/** Takes part in changes over several sites, as the configuration names them; through etcd it is this site alone. */
export function openSites(
  config: AgreementConfig,
  agreement: Agreement,
  deps: { site: string; clock: Clock; random: Random; log: Logger },
): Sites {
  const { decision, others } =
    config.driver === 'raft'
      ? { decision: config.decision, others: config.sites }
      : { decision: 'two-phase' as const, others: [] };
  const sites = new Sites({
    ...deps,
    group: agreement.coordinator,
    onLeadership: (listener) => agreement.onLeadership(listener),
    decision,
    others: others.map(({ site, linkKey, gateways }) => ({
      site,
      linkKey,
      gateways: gateways.map(({ name, address }) => ({ name, ...parseAddress(address) })),
    })),
    ...(agreement.transport === undefined ? {} : { transport: agreement.transport }),
  });
  sites.start();
  return sites;
}
