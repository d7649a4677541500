import type { MoveAnswer, MoveRequest, MoveStep } from './move-protocol.ts';
import { PAGE_BYTES } from './move-protocol.ts';
import { encodeMoved, type MovedDelivery, pagesOf, type SessionImage } from './moved.ts';

/** A kept session, as the broker that gives it away sees it. */
export interface GivenSession {
  image: SessionImage;
  /** In flight first, in the order sent, then queued, in the order of arrival; at the time of the call. */
  deliveries: () => MovedDelivery[];
}

export interface GiverOptions {
  sessionOf: (clientId: string) => GivenSession | undefined;
  /** Sees to it that what the session holds changes no more but by new messages; false while that is not so yet. */
  makeStill: (clientId: string) => boolean;
  /** Whether no claim is known that is greater than the asker's. */
  isCurrent: (clientId: string, stampMs: number, broker: string) => boolean;
  /** Takes deliveries out of the session, by their identities; resolves once that is durable. */
  forget: (clientId: string, identities: ReadonlySet<string>) => Promise<void>;
  /** Ends the session; resolves once that is durable. */
  end: (clientId: string) => Promise<void>;
}

interface Transfer {
  step: MoveStep;
  page: number;
  isLast: boolean;
  body: Buffer;
  /** The page behind the one at hand, made ahead so that the last is known to be the last. */
  ahead: Buffer | undefined;
  pages: Iterator<Buffer>;
  /** Identities that went out already. */
  given: Set<string>;
}

/** Transfers that are under way at a time; one more makes the one that was idle for longest begin again. */
const TRANSFERS_MAX = 1_024;
const NOTHING: Buffer = Buffer.alloc(0);
const NO_IDENTITIES: ReadonlySet<string> = new Set();

/** Hands kept sessions out, page by page. What was handed out stays until the asker says that it has all of it. */
export class Giver {
  readonly #options: GiverOptions;
  readonly #transfers = new Map<string, Transfer>();

  constructor(options: GiverOptions) {
    this.#options = options;
  }

  async answer(from: string, request: MoveRequest): Promise<MoveAnswer> {
    const { clientId, stampMs, step } = request;
    const reply = (status: MoveAnswer['status'], isLast = true, body = NOTHING): MoveAnswer => {
      return { ...request, status, isLast, body };
    };
    const key = `${from} ${stampMs} ${clientId}`;
    const session = this.#options.sessionOf(clientId);
    if (session === undefined) return reply('gone');
    if (!this.#options.isCurrent(clientId, stampMs, from)) return reply('stale');
    if (!this.#options.makeStill(clientId)) return reply('busy');
    if (step === 'confirm') {
      // After a restart it is not known what that was, and the client may get it twice.
      await this.#options.forget(clientId, this.#transfers.get(key)?.given ?? NO_IDENTITIES);
      return reply('ok');
    }
    if (step === 'end') {
      this.#transfers.delete(key);
      await this.#options.end(clientId);
      return reply('ok');
    }
    const transfer = this.#transferOf(key, session, request);
    if (transfer === undefined) return reply('restart');
    return reply('ok', transfer.isLast, transfer.body);
  }

  /** Moved on to the page asked for; undefined when that is neither the one at hand nor the next nor the first. */
  #transferOf(key: string, session: GivenSession, { step, page }: MoveRequest): Transfer | undefined {
    let transfer = this.#transfers.get(key);
    const isAtHand = transfer?.step === step && transfer.page === page;
    if (page === 0 && !isAtHand) transfer = this.#begin(session, step, transfer?.given ?? new Set());
    else if (transfer?.step === step && transfer.page + 1 === page && !transfer.isLast) turnPage(transfer);
    else if (!isAtHand) return undefined;
    if (transfer === undefined) return undefined;
    this.#transfers.delete(key);
    this.#transfers.set(key, transfer);
    if (this.#transfers.size > TRANSFERS_MAX) {
      const [idle] = this.#transfers.keys();
      if (idle !== undefined) this.#transfers.delete(idle);
    }
    return transfer;
  }

  #begin(session: GivenSession, step: MoveStep, given: Set<string>): Transfer {
    const isRest = step === 'rest';
    const pieces =
      step === 'session'
        ? [Buffer.from(JSON.stringify(session.image))]
        : encodeAll(
            session.deliveries().filter(({ identity }) => !isRest || !given.has(identity)),
            given,
          );
    const pages = pagesOf(pieces, PAGE_BYTES);
    const ahead = pages.next().value as Buffer | undefined;
    const transfer: Transfer = { step, page: -1, isLast: false, body: NOTHING, ahead, pages, given };
    turnPage(transfer);
    return transfer;
  }
}

function turnPage(transfer: Transfer): void {
  transfer.page += 1;
  transfer.body = transfer.ahead ?? NOTHING;
  transfer.ahead = transfer.pages.next().value as Buffer | undefined;
  transfer.isLast = transfer.ahead === undefined;
}

function* encodeAll(deliveries: readonly MovedDelivery[], given: Set<string>): Generator<Buffer> {
  for (const delivery of deliveries) {
    given.add(delivery.identity);
    yield encodeMoved(delivery);
  }
}
