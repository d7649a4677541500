import { pino } from 'pino';
import { seededRandom } from '../../../../../core/random/index.ts';
import { systemClock } from '../../../../../core/time/index.ts';
import { ProbeSocket, type ProbeSocketOptions, randomToken } from '../../../../../gateway/clock/probe/index.ts';
import { SITE_KEY } from '../packets.ts';

/** A socket of the site home on a free port of this machine; not started. */
export function newSocket(name: string, changes: Partial<ProbeSocketOptions> = {}): ProbeSocket {
  return new ProbeSocket({
    own: { site: 'home', name },
    boot: randomToken(),
    siteKey: SITE_KEY,
    listen: { host: '127.0.0.1', port: 0 },
    clock: systemClock,
    random: seededRandom(name),
    log: pino({ level: 'silent' }),
    ...changes,
  });
}
