import { BROKER_URLS_MAX } from '../../core/wire/index.ts';

/** Addresses that mean every interface: they tell nobody where to connect. */
const EVERY_INTERFACE = ['0.0.0.0', '::', ''];

export interface Listening {
  host: string;
  port: number;
  wsPort?: number | undefined;
  advertise?: readonly string[] | undefined;
}

/** Where clients reach a broker: as configured, else where it listens; nothing when that is every interface. */
export function clientUrls({ host, port, wsPort, advertise }: Listening): string[] {
  if (advertise !== undefined) return advertise.slice(0, BROKER_URLS_MAX);
  if (EVERY_INTERFACE.includes(host)) return [];
  const name = host.includes(':') ? `[${host}]` : host;
  return [`mqtt://${name}:${port}`, ...(wsPort === undefined ? [] : [`ws://${name}:${wsPort}`])];
}
