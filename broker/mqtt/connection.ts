import { LatticeError } from '../../core/errors/index.ts';
import type { Identity } from '../../core/identity/index.ts';
import type { StrictStream } from '../strict/index.ts';
import type { AedesClient } from './aedes-types.ts';
import type { Courier } from './courier.ts';

/** What the broker knows of one connected client, beside what Aedes does. */
export interface Connection {
  readonly client: AedesClient;
  readonly stream: StrictStream;
  /** No other connection in the life of this process has it. */
  readonly number: number;
  readonly address: string;
  identity: Identity | undefined;
  courier: Courier | undefined;
  /** Publishes of this client that wait for the journal; what came after them must not overtake them. */
  pendingPublishes: number;
  /** Filters that were granted and are not in effect yet. */
  readonly granted: Set<string>;
  /** Filters that were refused in the turn that goes on, for the log. */
  refused: string[];
  /** Whether the broker made up the client id. */
  isIdMadeUp: boolean;
  /** Whether its will is in the journal. */
  hasStoredWill: boolean;
  /** Other brokers that keep a session for the client. */
  holders: readonly string[];
  /** Resolves once what they keep is here; undefined when there is nothing to wait for. */
  transfer: Promise<void> | undefined;
}

/** Connections by their Aedes client. */
export class Connections {
  readonly #connections = new WeakMap<object, Connection>();
  #opened = 0;

  open(client: AedesClient, stream: StrictStream, address: string): Connection {
    const connection: Connection = {
      client,
      stream,
      number: this.#opened++,
      address,
      identity: undefined,
      courier: undefined,
      pendingPublishes: 0,
      granted: new Set(),
      refused: [],
      isIdMadeUp: false,
      hasStoredWill: false,
      holders: [],
      transfer: undefined,
    };
    this.#connections.set(client, connection);
    return connection;
  }

  of(client: object): Connection | undefined {
    return this.#connections.get(client);
  }

  /** Of a client that is connected. Throws INTERNAL for another one. */
  get(client: object): Connection {
    const connection = this.#connections.get(client);
    if (connection === undefined) throw new LatticeError('INTERNAL', 'A client without a connection.');
    return connection;
  }
}
