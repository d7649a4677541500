import type { Logger } from 'pino';
import { derivedPassword } from '../../../core/identity/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import { meshTopic } from '../../../core/wire/index.ts';
import type { TimeTopics } from '../../../gateway/clock/index.ts';
import { MeshClient } from '../../../gateway/ingest/index.ts';
import { GatewayTopics } from '../../../gateway/time-topics.ts';
import { SITE, SITE_KEY } from './member-spec.ts';

/** A gateway's connection to its broker, as it has it for readings, for messages about time alone. Resolves when it is subscribed. */
export async function brokerTopics(
  brokerUrl: string,
  name: string,
  deps: { clock: Clock; random: Random; log: Logger },
): Promise<TimeTopics> {
  const client = new MeshClient({
    ...{ ...deps, brokers: [brokerUrl], gatewayId: name, shards: [], filters: [meshTopic(SITE, name, 'time')] },
    password: derivedPassword(SITE_KEY, 'gateway', name),
    take: async (topic, payload) => {
      topics.deliver(topic, payload);
    },
  });
  const topics = new GatewayTopics({
    isUp: () => client.isUp,
    publish: (topic, payload) => client.publish(topic, payload, { qos: 0, retain: false }),
  });
  client.start();
  await client.subscribed;
  return topics;
}
