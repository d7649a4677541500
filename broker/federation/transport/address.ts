import { z } from 'zod';

const SCHEMES = ['lattice', 'lattices', 'ws', 'wss'] as const;
const PORT_OF_SCHEME: Record<string, number> = { 'ws:': 80, 'wss:': 443 };

/** Where a broker takes links, or another one does. */
export interface LinkAddress {
  host: string;
  /** 0 lets the system choose, where a broker listens. */
  port: number;
  isTls: boolean;
  isWebSocket: boolean;
  /** Of a WebSocket behind a proxy; `/` otherwise. */
  path: string;
}

const urlSchema = z.string().transform((text, context): LinkAddress => {
  const address = parse(text);
  if (address !== undefined) return address;
  context.addIssue({
    code: 'custom',
    message: 'must be lattice://host:port, lattices://host:port (TLS), ws://host:port or wss://host:port, and no more',
  });
  return z.NEVER;
});

const hostAndPortSchema = z
  .strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) })
  .transform(({ host, port }): LinkAddress => ({ host, port, isTls: false, isWebSocket: false, path: '/' }));

/** An address in a configuration: a text, or host and port for TCP. */
export const linkAddressSchema = z.union([urlSchema, hostAndPortSchema]);

function parse(text: string): LinkAddress | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const scheme = SCHEMES.find((one) => `${one}:` === url.protocol);
  if (scheme === undefined || url.hostname === '') return undefined;
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined;
  const isWebSocket = scheme === 'ws' || scheme === 'wss';
  if (!isWebSocket && (url.port === '' || !['', '/'].includes(url.pathname))) return undefined;
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (PORT_OF_SCHEME[url.protocol] as number) : Number(url.port),
    isTls: scheme === 'lattices' || scheme === 'wss',
    isWebSocket,
    path: url.pathname === '' ? '/' : url.pathname,
  };
}

/** The address as a person would write it. */
export function addressText({ host, port, isTls, isWebSocket, path }: LinkAddress): string {
  const scheme = `${isWebSocket ? 'ws' : 'lattice'}${isTls ? 's' : ''}`;
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path === '/' ? '' : path}`;
}
