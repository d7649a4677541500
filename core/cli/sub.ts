import { once } from 'node:events';
import { EXIT } from '../errors/index.ts';
import { type ConnectionOptions, connectClient, connectionLost, subscribe } from './connection.ts';

export interface SubOptions extends ConnectionOptions {
  filters: readonly string[];
  qos: 0 | 1 | 2;
  /** Ends after so many messages. */
  count?: number | undefined;
  json: boolean;
}

/** Prints messages as they come, one line each, until Ctrl-C or the count. */
export async function sub(options: SubOptions): Promise<number> {
  const client = await connectClient(options);
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
  process.stdout.on('error', () => ended.abort());
  let left = options.count ?? Number.POSITIVE_INFINITY;
  client.on('message', (topic, payload, packet) => {
    if (left-- <= 0) return;
    const text = payload.toString();
    const line = options.json
      ? JSON.stringify({ topic, payload: text, qos: packet.qos, retain: packet.retain })
      : `${topic} ${text}`;
    process.stdout.write(`${line}\n`);
    if (left <= 0) ended.abort();
  });
  const lost = connectionLost(client);
  await subscribe(client, options.filters, options.qos);
  if (!ended.signal.aborted) await Promise.race([once(ended.signal, 'abort'), lost]);
  await client.endAsync();
  return EXIT.ok;
}
