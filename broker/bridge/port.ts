import type { Attendant, BridgedMessage } from '../mqtt/index.ts';
import type { DeliveryId, Session, StoredSubscription } from '../state/index.ts';

/** What a broker offers to its bridges. They know nothing else of it. */
export interface BridgePort {
  /** The largest packet that the broker takes. */
  readonly packetBytesMax: number;
  /** The name of a broker of this mesh, as it stands in a message's path; of this one when none is given. Unique in the world. */
  nodeName(brokerId?: string): string;

  /** The kept session of a bridge with exactly these subscriptions. Resolves once it is durable. */
  openSession(clientId: string, subscriptions: readonly StoredSubscription[]): Promise<Session>;
  /** Ends the sessions of bridges that are configured no more. */
  endSessionsExcept(clientIds: readonly string[]): Promise<void>;
  attach(attendant: Attendant): void;
  detach(attendant: Attendant): void;
  /** Has the attendant sent the retained messages that no kept session holds: those of QoS 0. */
  sendRetained(attendant: Attendant, subscription: StoredSubscription): void;

  /** Takes a message from the other broker. Resolves once it is durable and routed; a rejection leaves it to be sent again. */
  publish(clientId: string, message: BridgedMessage): Promise<void>;
  /** The other broker has acknowledged a delivery, which was taken out of its queue already. */
  acknowledged(clientId: string, id: DeliveryId): void;
}

/** Client ids of bridges begin with it. */
export const BRIDGE_SESSION_PREFIX = '$bridge/';

/** What one bridge has done since the start of the process. */
export class BridgeCounters {
  sent = 0;
  received = 0;
  loop = 0;
  down = 0;
  refused = 0;
  invalid = 0;
}
