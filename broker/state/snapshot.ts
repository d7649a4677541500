import type { AcceptedPosition } from './intake.ts';
import type { Delivery, DeliveryId, Message, MessageMarks, Qos } from './message.ts';
import { createDelivery } from './message.ts';
import type { StoredSubscription, WillPacket } from './records.ts';
import type { Session } from './session.ts';
import type { BrokerState } from './state.ts';

/**
 * The state as a sequence of frames, taken while it goes on changing: a fuzzy checkpoint in the sense of ARIES (Mohan et
 * al. 1992). Each session is consistent at its own position, which it carries; a replay from `fromPosition` on skips, for
 * each session, what it has already. Everything else is a join, which a replay does not change.
 *
 * A message that several sessions wait for is written once, before the first of them.
 */
export type SnapshotFrame =
  | { kind: 'head'; version: 1; brokerId: string; fromPosition: number }
  | {
      kind: 'retained';
      topic: string;
      qos: Qos;
      stampMs: number;
      stampBroker: string;
      via?: string | undefined;
      payload: Buffer;
    }
  | ({ kind: 'accepted'; peer: string } & AcceptedPosition)
  | {
      kind: 'will';
      clientId: string;
      brokerId: string;
      connection?: number | undefined;
      will: WillPacket;
      appliedPosition: number;
      payload: Buffer;
    }
  | {
      kind: 'message';
      index: number;
      position: number;
      topic: string;
      qos: Qos;
      retain: boolean;
      isText: boolean;
      brokerId?: string | undefined;
      brokerCounter?: number | undefined;
      source?: string | undefined;
      sequence?: number | undefined;
      marks?: MessageMarks | undefined;
      payload: Buffer;
    }
  | {
      kind: 'session';
      clientId: string;
      username?: string | undefined;
      appliedPosition: number;
      subscriptions: StoredSubscription[];
      move?: { from: string[]; known: string[]; reserved: number[] } | undefined;
    }
  /** Belongs to the session before it. */
  | { kind: 'incoming'; messageId: number; index: number }
  | {
      kind: 'delivery';
      index: number;
      id: DeliveryId;
      topic: string;
      qos: Qos;
      messageId?: number | undefined;
      phase: Delivery['phase'];
      share?: string | undefined;
      identity?: string | undefined;
    }
  | { kind: 'tail'; frames: number };

export function* snapshotFrames(state: BrokerState): Generator<SnapshotFrame> {
  let frames = 0;
  for (const frame of framesOf(state)) {
    frames += 1;
    yield frame;
  }
  yield { kind: 'tail', frames };
}

function* framesOf(state: BrokerState): Generator<SnapshotFrame> {
  yield { kind: 'head', version: 1, brokerId: state.brokerId, fromPosition: state.position + 1 };
  for (const { topic, qos, stampMs, stampBroker, via, payload } of state.retained.entries()) {
    yield { kind: 'retained', topic, qos, stampMs, stampBroker, via, payload };
  }
  for (const [peer, accepted] of state.accepted) yield { kind: 'accepted', peer, ...accepted };
  for (const { clientId, brokerId, connection, topic, qos, retain, payload } of state.wills.values()) {
    const will = { topic, qos, retain };
    yield { kind: 'will', clientId, brokerId, connection, will, appliedPosition: state.position, payload };
  }
  const written = new Map<Message, number>();
  for (const session of state.sessions.values()) yield* sessionFrames(session, state.position, written);
}

function* sessionFrames(
  session: Session,
  appliedPosition: number,
  written: Map<Message, number>,
): Generator<SnapshotFrame> {
  // Taken in one go, so that they belong to one position; what they refer to is written at leisure.
  const incoming = [...session.incoming];
  const deliveries = [...session.queue.deliveries()];
  const { move } = session;
  yield {
    kind: 'session',
    clientId: session.clientId,
    username: session.username,
    appliedPosition,
    subscriptions: [...session.subscriptions.values()],
    move: move && { from: [...move.from], known: [...move.known], reserved: [...move.reserved] },
  };
  for (const [messageId, message] of incoming) {
    yield* messageFrames(message, written);
    yield { kind: 'incoming', messageId, index: written.get(message) as number };
  }
  for (const { message, ...delivery } of deliveries) {
    yield* messageFrames(message, written);
    const { id, topic, qos, messageId, phase, share, identity } = delivery;
    const index = written.get(message) as number;
    yield { kind: 'delivery', index, id, topic, qos, messageId, phase, share, identity };
  }
}

function* messageFrames(message: Message, written: Map<Message, number>): Generator<SnapshotFrame> {
  if (written.has(message)) return;
  const index = written.size;
  written.set(message, index);
  const { index: _, isView, payload, ...rest } = message;
  const isText = typeof payload === 'string';
  yield { kind: 'message', index, ...rest, isText, payload: Buffer.from(payload as string) };
}

/** Puts the frames of a snapshot back into an empty state. */
export class SnapshotLoader {
  readonly #state: BrokerState;
  readonly #messages: Message[] = [];
  #session: Session | undefined;
  #frames = 0;
  #isComplete = false;

  constructor(state: BrokerState) {
    this.#state = state;
  }

  /** Whether the tail has come and counted every frame. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  add(frame: SnapshotFrame): void {
    if (frame.kind === 'tail') {
      this.#finishSession();
      this.#isComplete = frame.frames === this.#frames;
      return;
    }
    this.#frames += 1;
    switch (frame.kind) {
      case 'head':
        this.#state.position = frame.fromPosition - 1;
        return;
      case 'retained': {
        const { topic, qos, stampMs, stampBroker, via, payload } = frame;
        this.#state.retained.merge({ topic, qos, stampMs, stampBroker, via, payload });
        return;
      }
      case 'accepted':
        this.#state.accepted.set(frame.peer, { incarnation: frame.incarnation, position: frame.position });
        return;
      case 'will': {
        const { clientId, brokerId, connection, appliedPosition, payload } = frame;
        this.#state.wills.set(clientId, { ...frame.will, clientId, brokerId, connection, appliedPosition, payload });
        return;
      }
      case 'message': {
        const { kind, index, isText, payload, ...message } = frame;
        this.#messages[index] = { ...message, payload: isText ? payload.toString('utf8') : payload };
        return;
      }
      case 'session': {
        this.#finishSession();
        const session = this.#state.createSession(frame.clientId);
        session.username = frame.username;
        session.appliedPosition = frame.appliedPosition;
        const { move } = frame;
        session.move = move && {
          from: new Set(move.from),
          known: new Set(move.known),
          reserved: new Set(move.reserved),
        };
        for (const subscription of frame.subscriptions) session.subscriptions.set(subscription.topic, subscription);
        this.#session = session;
        return;
      }
      case 'incoming':
        this.#session?.incoming.set(frame.messageId, this.#message(frame.index));
        return;
      case 'delivery': {
        const { id, topic, qos, messageId, phase } = frame;
        const queue = this.#session?.queue;
        const delivery = createDelivery(id, this.#message(frame.index), topic, qos);
        delivery.share = frame.share;
        delivery.identity = frame.identity;
        // Before what was queued here, where the next page of the move is to be put behind it.
        if (this.#session?.move !== undefined && frame.identity !== undefined) queue?.restoreAdopted(delivery);
        else queue?.push(delivery);
        if (phase === 'queued') return;
        queue?.markSent((delivery) => delivery.id === id, messageId);
        if (phase === 'released' && messageId !== undefined) queue?.release(messageId);
        return;
      }
      default:
        frame satisfies never;
    }
  }

  #message(index: number): Message {
    return this.#messages[index] as Message;
  }

  #finishSession(): void {
    if (this.#session !== undefined) this.#state.restoreSession(this.#session);
    this.#session = undefined;
  }
}
