import type { Logger } from 'pino';
import { derivedPassword } from '../../core/identity/index.ts';
import { type FollowedClock, logNote, UdpTime } from '../../core/mesh-clock/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { BrokerConfig } from '../config.ts';

/**
 * The clock of a broker that follows the gateways: its wall time is the mesh's once it is synchronised, and the machine's before. It asks
 * under the broker's own name, with the password that the site key gives a device of that name.
 */
export class BrokerTime {
  readonly #udp: UdpTime;

  constructor(
    { id, siteKey, time }: Pick<BrokerConfig, 'id' | 'siteKey' | 'time'>,
    { clock, random, log }: { clock: Clock; random: Random; log: Logger },
  ) {
    this.#udp = new UdpTime({
      ...{ clock, random, servers: time?.servers ?? [] },
      ...{ device: id, password: derivedPassword(siteKey, 'device', id) },
      onNote: (note) => logNote(log, note),
    });
  }

  get clock(): FollowedClock {
    return this.#udp.clock;
  }

  /** Begins to ask. */
  start(): void {
    this.#udp.start();
  }

  /** The clock goes on by what it knows. Safe twice. */
  stop(): void {
    this.#udp.stop();
  }
}
