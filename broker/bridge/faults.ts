import { LatticeError, messageOf } from '../../core/errors/index.ts';
import type { BridgeConfig } from './config.ts';

/** CONNACK codes of MQTT 3.1.1 (3.2.2.3) and of MQTT 5 (3.2.2.2). */
const UNACCEPTABLE_VERSION = [1, 0x84];
const BAD_CREDENTIALS = [4, 5, 0x86, 0x87];
const BAD_CLIENT_ID = [2, 0x85];

/** Why there is no connection: BRIDGE_REFUSED when the other broker said no, else BRIDGE_DOWN. */
export function connectFault(error: Error, { url, protocolVersion, username }: BridgeConfig): LatticeError {
  const code = 'code' in error ? error.code : undefined;
  const refused = (what: string): LatticeError =>
    new LatticeError('BRIDGE_REFUSED', `${url} ${what}`, { cause: error });
  if (typeof code !== 'number') {
    // Node gives an AggregateError without a text when every address of a host refused.
    const reason = messageOf(error) || String(code ?? 'no answer');
    return new LatticeError('BRIDGE_DOWN', `${url}: ${reason}.`, { cause: error });
  }
  if (UNACCEPTABLE_VERSION.includes(code)) return new UnacceptableVersion(url, protocolVersion, error);
  if (BAD_CREDENTIALS.includes(code)) {
    if (username === undefined) return refused('wants a user name and a password; the bridge has none.');
    return refused(`does not accept the user name "${username}" with this password, or gives it no right to connect.`);
  }
  if (BAD_CLIENT_ID.includes(code)) return refused('does not accept the client id of the bridge.');
  return refused(`refuses the connection: ${error.message}.`);
}

/** BRIDGE_REFUSED because of the protocol's version, which a bridge of MQTT 3.1.1 can answer by leaving the bridge bit out. */
export class UnacceptableVersion extends LatticeError {
  constructor(url: string, protocolVersion: 4 | 5, cause: Error) {
    const spoken = protocolVersion === 5 ? 'MQTT 5; set protocolVersion: 4' : 'MQTT 3.1.1';
    super('BRIDGE_REFUSED', `${url} does not speak ${spoken}.`, { cause });
  }
}
