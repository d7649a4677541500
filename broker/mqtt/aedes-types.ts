import type { Duplex } from 'node:stream';
import type { Aedes, Client, PublishPacket } from 'aedes';

/** What the broker uses of an Aedes client beyond its published types. All of it is plain state of version 1.2. */
export interface AedesClient extends Omit<Client, 'subscriptions'> {
  /** Filters of this connection; Aedes sets and deletes entries as it subscribes and unsubscribes. */
  subscriptions: Record<string, { qos: 0 | 1 | 2 }>;
  /** The will, once CONNECT was accepted. */
  will: PublishPacket | null;
  /** The will in CONNECT, before it was accepted. */
  _will: PublishPacket | null;
  conn: Duplex;
  /** Whether DISCONNECT has come. */
  _disconnected: boolean;
  /** Called with each packet that was handled. */
  _nextBatch: (error?: Error) => void;
  /** Whether packets are left unread until resume(). */
  _paused: boolean;
  resume(): void;
  _keepaliveTimer: NodeJS.Timeout | null;
  /** In ms; not above 0 when the client wants no keep-alive. */
  _keepaliveInterval: number;
}

/** What the broker replaces on its own instance of Aedes: routing and retained messages, which it does itself. */
export interface AedesInside extends Omit<Aedes, 'publish' | 'subscribe' | 'unsubscribe' | 'handle'> {
  handle(stream: Duplex): AedesClient;
  clients: Record<string, AedesClient | undefined>;
  publish: (packet: PublishPacket, ...rest: unknown[]) => void;
  subscribe: (filter: string, deliver: unknown, done: () => void) => void;
  unregisterClient(client: AedesClient): void;
  unsubscribe: (filter: string, deliver: unknown, done?: () => void) => void;
}
