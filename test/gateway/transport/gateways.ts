import { pino } from 'pino';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { type GatewayIdentity, TcpTransport, type TcpTransportOptions } from '../../../gateway/transport/index.ts';

export const SITE_KEY = 'the key of the site home, for tests';

/** TCP transports on free ports of this machine, stopped together. */
export class Gateways {
  readonly #open: TcpTransport[] = [];

  async open(own: GatewayIdentity, changes: Partial<TcpTransportOptions> = {}): Promise<TcpTransport> {
    const transport = new TcpTransport({
      own,
      siteKey: SITE_KEY,
      listen: { host: '127.0.0.1', port: 0 },
      clock: systemClock,
      random: seededRandom(own.name),
      log: pino({ level: 'silent' }),
      ...changes,
    });
    this.#open.push(transport);
    await transport.start();
    return transport;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((transport) => transport.stop()));
  }
}
