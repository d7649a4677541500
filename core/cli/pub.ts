import { EXIT, LatticeError } from '../errors/index.ts';
import { type ConnectionOptions, connectClient } from './connection.ts';

export interface PubOptions extends ConnectionOptions {
  topic: string;
  message: string;
  qos: 0 | 1 | 2;
  retain: boolean;
}

/** Publishes one message and waits for its acknowledgement. Throws USAGE, UNREACHABLE, AUTH_FAILED, PUBLISH_REFUSED. */
export async function pub({ topic, message, qos, retain, ...connection }: PubOptions): Promise<number> {
  if (topic === '' || /[+#\0]/.test(topic)) {
    throw new LatticeError('USAGE', `"${topic}" is no topic to publish to: it is empty, or has a wildcard in it.`);
  }
  const client = await connectClient(connection);
  const isRefused = new Promise<boolean>((resolve) => {
    // A broker that refuses a message closes the connection: MQTT 3.1.1 has no other way to say so.
    client.once('close', () => resolve(true));
  });
  const published = client.publishAsync(topic, message, { qos, retain }).then(() => false);
  if (await Promise.race([published, isRefused])) {
    throw new LatticeError('PUBLISH_REFUSED', `The broker closed the connection instead of taking ${topic}.`);
  }
  await client.endAsync();
  return EXIT.ok;
}
