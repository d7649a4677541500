import { MovedReader } from '../sessions/index.ts';
import { createDelivery, type Delivery, type DeliveryId, identityOf, type Message, ownBytes } from './message.ts';
import type { BrokerRecord } from './records.ts';
import type { Session, SessionMove } from './session.ts';

/** Identities that are remembered of a session while it moves; above it messages may come twice. */
const KNOWN_MAX = 262_144;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * What is in the session already counts as known. What the client has had at the other broker leaves the queue. Subscriptions
 * are left to the caller. Called more than once for one that comes in several records.
 */
export function beginMove(session: Session, position: number, record: BrokerRecord & { kind: 'moveBegin' }): void {
  session.move ??= { from: new Set(), known: knownOf(session), reserved: new Set() };
  session.move.from.add(record.from);
  const had = new Set(record.known);
  for (const identity of had) session.move.known.add(identity);
  for (const delivery of had.size === 0 ? [] : [...session.queue.deliveries()]) {
    if (delivery.phase === 'queued' && had.has(identityOf(delivery))) session.queue.remove(delivery.id);
  }
  for (const packetId of record.inflight) session.move.reserved.add(packetId);
  for (const packetId of record.incoming) {
    if (session.incoming.has(packetId)) continue;
    // The message was published where the client was; what is left of it is that it must not be taken again.
    session.incoming.set(packetId, { position, topic: '', payload: NOTHING, qos: 2, retain: false });
  }
}

export function endMove(session: Session, from: string): void {
  session.move?.from.delete(from);
  if (session.move?.from.size === 0) session.move = undefined;
}

/** Another broker has them. It answers for them from now on, so they count as known here no more. */
export function giveAway({ queue, move }: Session, ids: readonly DeliveryId[]): void {
  const given = new Set(ids);
  for (const delivery of [...queue.deliveries()]) {
    if (!given.has(delivery.id)) continue;
    queue.remove(delivery.id);
    move?.known.delete(identityOf(delivery));
  }
}

/** False when a session that moves had the delivery before. */
export function isNewToMove(move: SessionMove, delivery: Delivery): boolean {
  const identity = identityOf(delivery);
  if (move.known.has(identity)) return false;
  if (move.known.size < KNOWN_MAX) move.known.add(identity);
  return true;
}

/** The deliveries of a `moved` record that are new, in front of the queue; those that were in flight are again. */
export function adoptMoved(
  session: Session,
  position: number,
  payload: Buffer,
): { inflight: Delivery[]; dropped: number } {
  const { move, queue } = session;
  const adopted: Delivery[] = [];
  const inflight: Delivery[] = [];
  for (const [index, moved] of new MovedReader().push(payload).entries()) {
    const message: Message = {
      position,
      topic: moved.messageTopic ?? moved.topic,
      // A copy, so that one small payload does not keep the whole page in memory.
      payload: moved.isText ? moved.payload.toString('utf8') : ownBytes(moved.payload),
      qos: moved.messageQos,
      retain: moved.retain,
    };
    const delivery = createDelivery(`${position}#${index}`, message, moved.topic, moved.qos);
    delivery.identity = moved.identity;
    delivery.share = moved.share;
    if (move !== undefined && !isNewToMove(move, delivery)) continue;
    adopted.push(delivery);
    if (moved.messageId === undefined) continue;
    delivery.messageId = moved.messageId;
    delivery.phase = moved.phase;
    inflight.push(delivery);
  }
  const dropped = queue.adopt(adopted);
  for (const delivery of inflight) {
    const { messageId, phase } = delivery;
    queue.markSent((each) => each === delivery, messageId as number);
    if (phase === 'released') queue.release(messageId as number);
  }
  return { inflight, dropped };
}

function knownOf({ queue }: Session): Set<string> {
  return new Set([...queue.deliveries()].map(identityOf));
}
