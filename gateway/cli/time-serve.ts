import { resolve } from 'node:path';
import { pino } from 'pino';
import { LatticeError } from '../../core/errors/index.ts';
import { derivedPassword } from '../../core/identity/index.ts';
import { loadEndpoints, readSecrets } from '../../core/mesh/index.ts';
import { logNote, timeServerSchema, UdpTime } from '../../core/mesh-clock/index.ts';
import { hostService } from '../../core/process/index.ts';
import { NtpServer } from '../clock/ntp/index.ts';
import { DEPS } from './site.ts';

export interface ServeTimeOptions {
  data: string;
  host: string;
  port: number;
  /** host:port where gateways answer devices; those of the data folder when left out. */
  server?: string[] | undefined;
  /** The account by which it asks them, with `server`. */
  device: string;
  password?: string | undefined;
}

/** A follower asks from time to time only: what it is told of holds on that of a gateway. */
const REFERENCE_STRATUM = 2;

/**
 * Follows the time of the mesh, as a device does, and answers NTP clients with it until it is told to end. Throws UNREACHABLE without a
 * mesh in the folder, USAGE, PORT_TAKEN and PORT_UNUSABLE.
 */
export function serveTime(options: ServeTimeOptions): Promise<number> {
  const { servers, device, password } = sourceOf(options);
  return hostService(async () => {
    const log = pino({ base: { part: 'time' } });
    const { clock, random } = DEPS;
    const source = new UdpTime({ clock, random, servers, device, password, onNote: (note) => logNote(log, note) });
    const server = new NtpServer({
      ...{ host: options.host, port: options.port, clock, log },
      meshAt: (monotonicMs) => {
        const { ms, uncertaintyMs, kind } = source.clock.at(monotonicMs);
        if (kind === 'none') return { kind };
        return kind === 'absolute'
          ? { kind, ms, uncertaintyMs, referenceStratum: REFERENCE_STRATUM }
          : { kind, ms, uncertaintyMs };
      },
    });
    await server.start();
    source.start();
    log.info(server.address, 'answers NTP clients with the time of the mesh');
    return {
      detail: { ...server.address },
      stop: async () => {
        source.stop();
        await server.stop();
      },
    };
  });
}

function sourceOf({ data, server, device, password }: ServeTimeOptions) {
  if (server !== undefined) {
    if (password === undefined) throw new LatticeError('USAGE', '--server needs the --password of --device.');
    const servers = server.map((text) => {
      const { data: parsed } = timeServerSchema.safeParse(text);
      if (parsed === undefined) throw new LatticeError('USAGE', `--server takes host:port, not ${text}.`);
      return parsed;
    });
    return { servers, device, password };
  }
  const dataDir = resolve(data);
  const { gateways } = loadEndpoints(dataDir);
  const siteKey = readSecrets(dataDir)?.siteKey;
  if (siteKey === undefined) throw new LatticeError('UNREACHABLE', `${dataDir} holds no secrets of a mesh.`);
  // A mesh of `lattice up` answers devices on the port numbers of the gateways' HTTP.
  const servers = gateways.map(({ http }) => ({ host: new URL(http).hostname, port: Number(new URL(http).port) }));
  return { servers, device, password: derivedPassword(siteKey, 'device', device) };
}
