import { LatticeError } from '../../core/errors/index.ts';
import { type Clock, delay, type Timer } from '../../core/time/index.ts';
import type { MoveAnswer, MoveRequest, MoveStep } from './move-protocol.ts';
import { type MovedDelivery, MovedReader, type SessionImage, sessionImageSchema } from './moved.ts';

export interface TakerOptions {
  clientId: string;
  /** Of the claim under which the session is taken. */
  stampMs: number;
  clock: Clock;
  /** Sends a request to the broker that keeps the session; it may be lost. */
  send: (request: MoveRequest) => void;
  /** Makes subscriptions and packet ids durable here. */
  install: (image: SessionImage) => Promise<void>;
  /** Resolves once messages come here by those subscriptions, or when that takes too long. */
  settle: () => Promise<unknown>;
  /** Makes deliveries durable here, in front of what was queued here; those that are here already are passed over. */
  adopt: (deliveries: MovedDelivery[]) => Promise<void>;
  /** The other broker has ended its session. */
  finish: () => Promise<void>;
  /** What the client waited for is here. Called once at most. */
  onReady: () => void;
}

const RETRY_DELAY_MS = 200;
const RETRY_DELAY_MS_MAX = 2_000;
/** What was on its way to the other broker from a sender that did not say so in time (settle) arrives there within this time. */
const LINGER_MS = 1_000;

/** Thrown out of the conversation when there is nothing more to be taken. */
class Ended extends Error {}

/** Takes one kept session from one broker (move-protocol.ts). What is taken is durable here before it ends there. */
export class Taker {
  readonly #options: TakerOptions;
  readonly #aborted = new AbortController();
  #expected: { step: MoveStep; page: number; resolve: (answer: MoveAnswer | undefined) => void } | undefined;
  #isReady = false;

  constructor(options: TakerOptions) {
    this.#options = options;
  }

  get isAborted(): boolean {
    return this.#aborted.signal.aborted;
  }

  /** Resolves when the session is here, or somebody else's; rejects with what kept it from being stored. */
  async run(): Promise<void> {
    try {
      await this.#take();
    } catch (error) {
      if (!(error instanceof Ended)) throw error;
    } finally {
      this.#ready();
    }
  }

  /** An answer of the other broker. */
  answered(answer: MoveAnswer): void {
    const expected = this.#expected;
    if (expected?.step !== answer.step || expected.page !== answer.page || answer.stampMs !== this.#options.stampMs)
      return;
    expected.resolve(answer);
  }

  /** The client is somewhere else by now, or the broker stops. */
  abort(): void {
    this.#aborted.abort();
    this.#expected?.resolve(undefined);
  }

  async #take(): Promise<void> {
    const { clock, install, settle, finish } = this.#options;
    await install(await this.#takeImage());
    await Promise.race([settle(), this.#abortion()]);
    await this.#takeDeliveries('deliveries');
    this.#ready();
    await this.#ask('confirm', 0);
    await delay(clock, LINGER_MS, this.#aborted.signal);
    await this.#takeDeliveries('rest');
    await this.#ask('end', 0);
    await finish();
  }

  #abortion(): Promise<unknown> {
    const { signal } = this.#aborted;
    return new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  async #takeImage(): Promise<SessionImage> {
    const pages: Buffer[] = [];
    for await (const page of this.#pages('session', () => pages.splice(0))) pages.push(page);
    const parsed = sessionImageSchema.safeParse(jsonOf(Buffer.concat(pages)));
    if (parsed.success) return parsed.data;
    throw new LatticeError('LINK_PROTOCOL', `The session "${this.#options.clientId}" came with faults.`);
  }

  async #takeDeliveries(step: 'deliveries' | 'rest'): Promise<void> {
    let reader = new MovedReader();
    const restart = (): void => {
      reader = new MovedReader();
    };
    for await (const page of this.#pages(step, restart)) {
      const deliveries = reader.push(page);
      if (deliveries.length > 0) await this.#options.adopt(deliveries);
    }
  }

  async *#pages(step: MoveStep, onRestart: () => void): AsyncGenerator<Buffer> {
    for (let page = 0; ; page++) {
      const { status, body, isLast } = await this.#ask(step, page);
      if (status === 'restart') {
        onRestart();
        page = -1;
        continue;
      }
      yield body;
      if (isLast) return;
    }
  }

  /** Asks until there is an answer. Throws Ended when there is no session to be had any more. */
  async #ask(step: MoveStep, page: number): Promise<MoveAnswer> {
    const { clientId, stampMs, clock, send, finish } = this.#options;
    for (let delayMs = RETRY_DELAY_MS; ; delayMs = Math.min(delayMs * 2, RETRY_DELAY_MS_MAX)) {
      if (this.#aborted.signal.aborted) throw new Ended();
      let timer: Timer | undefined;
      const answer = await new Promise<MoveAnswer | undefined>((resolve) => {
        this.#expected = { step, page, resolve };
        timer = clock.setTimer(delayMs, () => resolve(undefined));
        send({ clientId, stampMs, step, page });
      });
      timer?.cancel();
      this.#expected = undefined;
      switch (answer?.status) {
        case undefined:
          continue;
        case 'busy':
          await delay(clock, delayMs, this.#aborted.signal);
          continue;
        case 'gone':
          await finish();
          throw new Ended();
        case 'stale':
          throw new Ended();
        default:
          return answer as MoveAnswer;
      }
    }
  }

  #ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#options.onReady();
  }
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
