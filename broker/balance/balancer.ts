import type { Logger } from 'pino';
import { type ErrorCode, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Identity } from '../../core/identity/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, repeat, type Timer } from '../../core/time/index.ts';
import {
  BROKERS_TOPIC,
  type BrokerHealth,
  type BrokerList,
  type BrokerReply,
  brokerCommandSchema,
  meshTopic,
} from '../../core/wire/index.ts';
import { Drain } from './drain.ts';
import { type HealthMessage, Roster } from './roster.ts';

export interface BalancerOptions {
  brokerId: string;
  site: string;
  clock: Clock;
  random: Random;
  log: Logger;
  healths: () => Iterable<HealthMessage>;
  /** Measures this broker's health, publishes it and returns it. */
  publishHealth: () => BrokerHealth;
  /** Keeps a message under `$SYS/` for later subscribers, and delivers it to those of now. */
  publishSystem: (topic: string, payload: Buffer) => void;
  /** Publishes a message of the broker itself. */
  publish: (topic: string, payload: Buffer) => void;
  leavers: () => { close(): void }[];
  /** Whether it drained when it ended last. */
  wasDraining: boolean;
  /** Keeps over a restart whether it drains; resolves once that is on disk. */
  remember: (isDraining: boolean) => Promise<void>;
}

const LIST_INTERVAL_MS = 1_000;

/** Tells clients of the brokers that they may go to, and sends them away when an operator asks for it. */
export class Balancer {
  readonly #options: BalancerOptions;
  readonly #drain: Drain;
  readonly #roster: Roster;
  #timer: Timer | undefined;
  #health: BrokerHealth | undefined;
  #listed = '';

  constructor(options: BalancerOptions) {
    this.#options = options;
    this.#drain = new Drain(options);
    this.#roster = new Roster(options);
  }

  get isDraining(): boolean {
    return this.#drain.isDraining;
  }

  start(): void {
    if (this.#options.wasDraining) this.#drain.begin();
    this.publishHealth();
    this.#publishList();
    this.#timer = repeat(this.#options.clock, LIST_INTERVAL_MS, () => this.#publishList());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#drain.undo();
  }

  publishHealth(): void {
    this.#health = this.#options.publishHealth();
  }

  /** Somebody published to this broker's command topic. The answer is published; nothing is thrown. */
  command(identity: Identity, payload: Buffer): void {
    const command = commandOf(payload);
    const id = command?.id ?? '';
    if (command === undefined) {
      this.#refuse(identity, id, 'COMMAND_INVALID', 'This is no command.');
    } else if (identity.role !== 'operator') {
      this.#refuse(identity, id, 'COMMAND_INVALID', 'Only an operator may command a broker.');
    } else {
      void this.#carryOut(identity, command.method).then(() => {
        this.#reply({ id, isDraining: this.isDraining, clientsLeft: this.#options.leavers().length });
      });
    }
  }

  /** Never rejects. */
  async #carryOut({ username }: Identity, method: 'drain' | 'undrain'): Promise<void> {
    const hasChanged = method === 'drain' ? this.#drain.begin() : this.#drain.undo();
    if (!hasChanged) return;
    const text = method === 'drain' ? 'the broker drains: it takes no more clients' : 'the broker takes clients again';
    this.#options.log.warn({ code: 'BROKER_DRAINING', isDraining: this.isDraining, username }, text);
    this.publishHealth();
    try {
      await this.#options.remember(this.isDraining);
    } catch (error) {
      // It drains or not all the same; only a restart would not know.
      this.#options.log.error(
        { code: 'DISK_FAILED', error: messageOf(error) },
        'a restart will not know whether to drain',
      );
    }
  }

  #refuse({ username }: Identity, id: string, code: ErrorCode, reason: string): void {
    const error = new LatticeError(code, reason);
    this.#options.log.warn({ code, username }, error.message);
    this.#reply({ id, code, reason });
  }

  #reply(reply: BrokerReply): void {
    const { site, brokerId, publish } = this.#options;
    publish(meshTopic(site, brokerId, 'reply'), Buffer.from(JSON.stringify(reply)));
  }

  /** When something but the stamps has changed: those change all the time, and say nothing that a client needs at once. */
  #publishList(): void {
    if (this.#health === undefined) return;
    const list = this.#roster.list({ ...this.#health, isDraining: this.isDraining });
    const content = contentOf(list);
    if (content === this.#listed) return;
    this.#listed = content;
    this.#options.publishSystem(BROKERS_TOPIC, Buffer.from(JSON.stringify(list)));
  }
}

function contentOf(list: BrokerList): string {
  return JSON.stringify(list.map((entry) => ({ ...entry, atMs: 0 })));
}

function commandOf(payload: Buffer) {
  try {
    return brokerCommandSchema.safeParse(JSON.parse(payload.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
