import type { ShareTarget } from './batch.ts';
import type { Delivery, Message } from './message.ts';
import type { Session } from './session.ts';

/** What a record led to, for those who serve connected clients. */
export interface Applied {
  /** Sessions that got a message of QoS 1 or 2. */
  woken: Session[];
  /** Kept sessions that want a message as QoS 0; it is not queued for those that are away. */
  volatile: { session: Session; message: Message; topic: string }[];
  /** The messages to be routed to clean sessions too, in order. */
  messages: Message[];
  /** For members of share groups here that are no kept sessions (any more). */
  shared: { message: Message; target: ShareTarget }[];
  /** Deliveries that came with a session and were in flight where it was. */
  resumed: { session: Session; deliveries: Delivery[] } | undefined;
  /** False for a record of a link that is out of turn, or a retained message that lost. */
  taken: boolean;
  /** Messages dropped at the bound of a queue. */
  dropped: number;
}

export function nothingApplied(): Applied {
  return { woken: [], volatile: [], messages: [], shared: [], resumed: undefined, taken: true, dropped: 0 };
}

/** Whether the record at a position is part of something already, which a snapshot may hold in a later state. */
export function isApplied(position: number, part: { appliedPosition: number } | undefined): boolean {
  return part !== undefined && position <= part.appliedPosition;
}
