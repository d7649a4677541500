import { EXIT, LatticeError, messageOf } from '../errors/index.ts';
import { type ConnectionOptions, connectClient } from './connection.ts';

export interface PubOptions extends ConnectionOptions {
  topic: string;
  message: string;
  qos: 0 | 1 | 2;
  retain: boolean;
}

/** Publishes one message and waits for its acknowledgement. */
export async function pub(options: PubOptions): Promise<number> {
  const client = await connectClient(options);
  try {
    const refused = new Promise<never>((_resolve, reject) => {
      // A broker that refuses a topic closes the connection: MQTT 3.1.1 has no other way to say so.
      client.once('close', () =>
        reject(new LatticeError('TOPIC_FORBIDDEN', `The broker closed the connection on ${options.topic}.`)),
      );
      client.once('error', (error) => reject(new LatticeError('UNREACHABLE', messageOf(error))));
    });
    refused.catch(() => {});
    await Promise.race([
      client.publishAsync(options.topic, options.message, { qos: options.qos, retain: options.retain }),
      refused,
    ]);
  } finally {
    await client.endAsync();
  }
  return EXIT.ok;
}
