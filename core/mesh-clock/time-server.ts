import { z } from 'zod';

/** Where the time is asked for over UDP. An address costs no look-up of a name, which would make each question slower. */
export interface TimeServer {
  host: string;
  port: number;
}

const FORM = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^\s:[\]]+)):(?<port>\d{1,5})$/;

/** `host:port` or `[v6 address]:port`. */
export const timeServerSchema = z.string().transform((text, context): TimeServer => {
  const server = parseTimeServer(text);
  if (server === undefined) context.addIssue({ code: 'custom', message: 'must be host:port or [address]:port' });
  return server ?? { host: '', port: 0 };
});

function parseTimeServer(text: string): TimeServer | undefined {
  const { v6, host, port } = FORM.exec(text)?.groups ?? {};
  const number = Number(port);
  return number >= 1 && number <= 65_535 ? { host: (v6 ?? host) as string, port: number } : undefined;
}

/** As a person writes it; different for different servers. */
export function formatTimeServer({ host, port }: TimeServer): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
