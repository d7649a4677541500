import type { FederatedMessage, FederationPort } from '../port.ts';
import type { DataMessage } from '../wire/index.ts';
import type { OutflowOptions } from './outflow-options.ts';

/** Messages that the journal takes in one record. */
export const BATCH_MESSAGES_MAX = 4_096;

/** Which of the nodes wants each message, as bits by their index; those that nobody wants are left out. */
export function address(
  nodes: readonly string[],
  hops: ReadonlyMap<string, readonly number[]>,
  messages: readonly FederatedMessage[],
  { interest, outlet }: Pick<OutflowOptions, 'interest' | 'outlet'>,
): { messages: DataMessage[]; anyTo: number } {
  const indexOf = new Map(nodes.map((node, index) => [node, index]));
  const everybody = nodes.reduce((mask, _, index) => mask | (1 << index), 0);
  const masks = new Map<object, number>();
  const addressed: DataMessage[] = [];
  let anyTo = 0;
  for (const message of messages) {
    const { topic, payload, qos, retain, stamp, isForShareOnly, sequence } = message;
    let to = isForShareOnly === true ? 0 : everybody;
    if (!retain && to !== 0) {
      const route = interest.routeOf(topic);
      let known = masks.get(route);
      if (known === undefined) {
        known = 0;
        for (const node of route.nodes) {
          const index = indexOf.get(node);
          if (index !== undefined) known |= 1 << index;
        }
        masks.set(route, known);
      }
      to = known;
    }
    for (const [hop, indexes] of hops) {
      if (!outlet.lets(hop, topic)) for (const index of indexes) to &= ~(1 << index);
    }
    const shares = message.shares?.flatMap(({ filter, broker }) => {
      const index = indexOf.get(broker);
      return index === undefined ? [] : [{ filter, to: index }];
    });
    for (const share of shares ?? []) anyTo |= 1 << share.to;
    if (to === 0 && (shares?.length ?? 0) === 0) continue;
    anyTo |= to;
    const plain: DataMessage = { topic, payload, qos, retain, to };
    if (stamp !== undefined) plain.stamp = stamp;
    if (sequence !== undefined) plain.sequence = sequence;
    if (shares !== undefined && shares.length > 0) plain.shares = shares;
    addressed.push(plain);
  }
  return { messages: addressed, anyTo };
}

/** What may cross of a record's messages, each with its place in the stream. */
export function messagesAt(port: FederationPort, position: number, record: Uint8Array): FederatedMessage[] {
  const messages = port.messagesOf(record);
  for (const [index, message] of messages.entries()) message.sequence = position * BATCH_MESSAGES_MAX + index;
  return messages.filter(({ topic }) => !topic.startsWith('$'));
}

/** About what the messages weigh, for the window. */
export function bytesOf(messages: readonly DataMessage[]): number {
  let bytes = 0;
  for (const { topic, payload } of messages) bytes += topic.length + payload.length + 8;
  return bytes;
}
