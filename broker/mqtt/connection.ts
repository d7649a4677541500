import type { Identity } from '../../core/identity/index.ts';
import type { AedesClient } from './aedes-types.ts';
import type { Courier } from './courier.ts';

/** What the broker knows of one connected client, beside what Aedes does. */
export interface Connection {
  readonly client: AedesClient;
  readonly address: string;
  identity: Identity | undefined;
  courier: Courier | undefined;
  /** Publishes of this client that wait for the journal; what came after them must not overtake them. */
  pendingPublishes: number;
  /** QoS 2 messages on their way into the journal, by packet id, and who waits for each. */
  readonly pendingIncoming: Map<number, ((error?: Error) => void)[]>;
}

/** Connections by their Aedes client. */
export class Connections {
  readonly #connections = new WeakMap<object, Connection>();

  open(client: AedesClient, address: string): Connection {
    const connection: Connection = {
      client,
      address,
      identity: undefined,
      courier: undefined,
      pendingPublishes: 0,
      pendingIncoming: new Map(),
    };
    this.#connections.set(client, connection);
    return connection;
  }

  of(client: object): Connection | undefined {
    return this.#connections.get(client);
  }
}
