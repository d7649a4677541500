import { EXIT, LatticeError } from '../errors/index.ts';
import { type ConnectionOptions, connectClient } from './connection.ts';

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
  // Resolves with true when the broker closed the connection, false when this command is to end.
  const isCut = new Promise<boolean>((resolve) => {
    client.once('close', () => resolve(!ended.signal.aborted));
    ended.signal.addEventListener('abort', () => resolve(false));
  });
  const granted = await client.subscribeAsync([...options.filters], { qos: options.qos });
  const refused = granted.find(({ qos }) => qos > 2);
  if (refused !== undefined) throw new LatticeError('TOPIC_FORBIDDEN', `No right to subscribe to ${refused.topic}.`);
  if (await isCut) throw new LatticeError('UNREACHABLE', 'The broker closed the connection.');
  await client.endAsync();
  return EXIT.ok;
}
