import { HLC_COUNTS, type HlcClock } from '../../core/time/index.ts';
import { type Answer, type Claim, isGreater } from './claim.ts';
import type { ClaimEffect, ClaimEvent } from './claim-events.ts';
import { SeenClaims } from './seen-claims.ts';

/**
 * One client id is in use at one broker: the last writer wins, by (stamp, broker).
 *
 * A broker to which a client connects claims the client id from every broker that it can reach, and lets the client in
 * once all have answered, or at a deadline. A claim is sent again until it is answered or its receiver cannot be reached;
 * a broker that can be reached again gets all live claims. So for any two live claims at least one of the brokers learns of
 * the other's, and since both judge by the same order the lesser goes and the greatest stays.
 *
 * Clocks that differ by more than stamps may (core/time/hlc.ts) do not believe each other, and the broker that is ahead would win
 * always. So the other answers `ahead`, with a stamp of its own, and gets the claim again with one that lies just above it:
 * the two then judge by the clock that is behind. Each pair does so for itself, and one wrong clock is no matter between others.
 * Its clients wait for the second asking, RETRY_DELAY_MS; when the clock has been put right, all are claimed anew.
 *
 * Between two accounts a client that is in comes before one that is not yet, or anybody could take an operator's place.
 * What a claim says of itself only grows (it goes live), so a judgement that rests on its past never lets both go: the
 * answer says what was judged, and `taken` for a past state is asked again.
 */
export interface ClaimMachineOptions {
  brokerId: string;
  hlc: Pick<HlcClock, 'now' | 'receive'>;
  /** How long a client waits for the brokers that can be reached, in ms. */
  timeoutMs: number;
  /** The kept session of a client id here, if there is one; its username is undefined while nobody owns it. */
  sessionOf: (clientId: string) => { username: string | undefined } | undefined;
}

interface Entry {
  claim: Claim;
  /** The stamp of the claim for brokers that did not believe its own. */
  stampsMs: Map<string, number>;
  /** The connection of the claim; before it one that is in and will be replaced by it. */
  connections: number[];
  deadlineMs: number;
  unanswered: Set<string>;
  holders: Set<string>;
  retryAtMs: number;
  retryDelayMs: number;
}

const RETRY_DELAY_MS = 100;
const RETRY_DELAY_MS_MAX = 5_000;

export class ClaimMachine {
  readonly #options: ClaimMachineOptions;
  readonly #entries = new Map<string, Entry>();
  /** Entries that wait for an answer. */
  readonly #waiting = new Set<Entry>();
  readonly #reachable = new Set<string>();
  readonly #seen = new SeenClaims();
  /** By broker, the greatest stamp that it has sent. */
  readonly #heardMs = new Map<string, number>();
  #effects: ClaimEffect[] = [];

  constructor(options: ClaimMachineOptions) {
    this.#options = options;
  }

  step(event: ClaimEvent, nowMs: number): ClaimEffect[] {
    this.#effects = [];
    switch (event.type) {
      case 'connect':
        this.#connect(event, nowMs);
        break;
      case 'gone':
        this.#gone(event.clientId, event.connection);
        break;
      case 'claims':
        this.#effects.push({
          type: 'answer',
          to: event.from,
          answers: event.claims.map((c) => this.#judge(c, event.from)),
        });
        break;
      case 'answers':
        for (const answer of event.answers) this.#answered(answer, event.from, nowMs);
        break;
      case 'reachable':
        this.#reachableChanged(event.joined, event.left, nowMs);
        break;
      case 'putBack':
        this.#putBack(event.aboveMs, nowMs);
        break;
      case 'tick':
        this.#tick(nowMs);
        break;
      default:
        event satisfies never;
    }
    return this.#effects;
  }

  /** When step() wants its next tick, in monotonic ms; undefined while nothing waits. */
  nextDueMs(): number | undefined {
    let next: number | undefined;
    for (const entry of this.#waiting) {
      const dueMs = entry.claim.isLive ? entry.retryAtMs : Math.min(entry.retryAtMs, entry.deadlineMs);
      if (next === undefined || dueMs < next) next = dueMs;
    }
    return next;
  }

  /** Whether no claim greater than this one is known: only then may it take the session of its client id away from here. */
  isCurrent(clientId: string, stampMs: number, broker: string): boolean {
    return this.#seen.isCurrent(clientId, stampMs, broker);
  }

  /** The stamp of the live claim of this broker, which it takes sessions with. */
  stampOf(clientId: string): number | undefined {
    return this.#entries.get(clientId)?.claim.stampMs;
  }

  #connect(event: ClaimEvent & { type: 'connect' }, nowMs: number): void {
    const { clientId, connection, username, isClean } = event;
    const stampMs = this.#options.hlc.now();
    const before = this.#entries.get(clientId);
    if (before !== undefined) {
      this.#waiting.delete(before);
      const pending = before.claim.isLive ? undefined : before.connections.pop();
      if (pending !== undefined) {
        const by = this.#options.brokerId;
        this.#effects.push({ type: 'close', clientId, connection: pending, code: 'SESSION_TAKEN_OVER', by });
      }
    }
    const entry: Entry = {
      claim: { clientId, stampMs, username, isClean, isLive: false },
      stampsMs: new Map(),
      connections: [...(before?.connections ?? []), connection],
      deadlineMs: nowMs + this.#options.timeoutMs,
      unanswered: new Set(this.#reachable),
      holders: new Set(),
      retryAtMs: nowMs + RETRY_DELAY_MS,
      retryDelayMs: RETRY_DELAY_MS,
    };
    this.#entries.set(clientId, entry);
    this.#seen.note(clientId, stampMs, this.#options.brokerId);
    if (entry.unanswered.size === 0) {
      this.#admit(entry, nowMs);
      return;
    }
    this.#waiting.add(entry);
    for (const to of entry.unanswered) this.#effects.push({ type: 'claim', to, claims: [entry.claim] });
  }

  #gone(clientId: string, connection: number): void {
    const entry = this.#entries.get(clientId);
    if (entry === undefined) return;
    entry.connections = entry.connections.filter((each) => each !== connection);
    if (entry.connections.length === 0) this.#forget(entry);
  }

  #judge(claim: Claim, from: string): Answer {
    const { clientId, stampMs, isLive, username } = claim;
    const isBelieved = this.#hears(stampMs, from);
    const isLatest = this.isCurrent(clientId, stampMs, from);
    const answer = (verdict: Answer['verdict'], hasSession: boolean): Answer => {
      return { clientId, stampMs, isLive, verdict, hasSession, seenStampMs: this.#options.hlc.now() };
    };
    if (!isBelieved) return answer('ahead', false);
    if (isLatest) this.#seen.note(clientId, stampMs, from);
    const entry = this.#entries.get(clientId);
    if (entry !== undefined) {
      const isSame = entry.claim.username === username;
      if (!this.#beats(claim, from, claimFor(entry, from))) return answer(isSame ? 'held' : 'taken', false);
      this.#lose(entry, 'SESSION_TAKEN_OVER', from);
    }
    const session = this.#options.sessionOf(clientId);
    if (session === undefined) return answer('free', false);
    // Two accounts have got the client id on both sides of a partition: each keeps its own.
    if (session.username !== undefined && session.username !== username)
      return answer(isLive ? 'free' : 'taken', false);
    if (claim.isClean && isLive && isLatest) this.#effects.push({ type: 'end', clientId });
    return answer('free', true);
  }

  #beats(claim: Claim, from: string, own: Claim): boolean {
    if (claim.username !== own.username && claim.isLive !== own.isLive) return claim.isLive;
    return isGreater(claim.stampMs, from, own.stampMs, this.#options.brokerId);
  }

  #answered(answer: Answer, from: string, nowMs: number): void {
    this.#hears(answer.seenStampMs, from);
    const entry = this.#entries.get(answer.clientId);
    if (entry === undefined || claimFor(entry, from).stampMs !== answer.stampMs) return;
    const { isLive, isClean } = entry.claim;
    if (answer.verdict === 'ahead') {
      this.#stampAnew(entry, from, answer.seenStampMs);
      return;
    }
    if (answer.verdict === 'taken' && answer.isLive !== isLive) return;
    if (answer.verdict !== 'free') {
      this.#lose(entry, answer.verdict === 'taken' ? 'CLIENT_ID_TAKEN' : 'SESSION_TAKEN_OVER', from);
      return;
    }
    if (answer.hasSession && isLive && isClean) {
      // A clean session ends what is kept elsewhere: the broker is told until it has nothing.
      entry.unanswered.add(from);
    } else {
      entry.unanswered.delete(from);
      if (answer.hasSession) entry.holders.add(from);
      if (answer.hasSession && isLive) this.#effects.push({ type: 'fetch', clientId: answer.clientId, from });
    }
    this.#settle(entry, nowMs);
  }

  #reachableChanged(joined: readonly string[], left: readonly string[], nowMs: number): void {
    for (const broker of left) this.#reachable.delete(broker);
    for (const broker of joined) this.#reachable.add(broker);
    for (const entry of this.#entries.values()) {
      for (const broker of left) entry.unanswered.delete(broker);
      for (const broker of joined) entry.unanswered.add(broker);
      if (joined.length > 0) this.#delayRetry(entry, nowMs, RETRY_DELAY_MS);
      this.#settle(entry, nowMs);
    }
    for (const to of joined) {
      const claims = [...this.#entries.values()].map((entry) => claimFor(entry, to));
      if (claims.length > 0) this.#effects.push({ type: 'claim', to, claims });
    }
  }

  #tick(nowMs: number): void {
    const again = new Map<string, Claim[]>();
    for (const entry of [...this.#waiting]) {
      if (!entry.claim.isLive && entry.deadlineMs <= nowMs) this.#admit(entry, nowMs);
      if (entry.retryAtMs > nowMs) continue;
      for (const to of entry.unanswered) {
        const claims = again.get(to);
        if (claims === undefined) again.set(to, [claimFor(entry, to)]);
        else claims.push(claimFor(entry, to));
      }
      this.#delayRetry(entry, nowMs, Math.min(entry.retryDelayMs * 2, RETRY_DELAY_MS_MAX));
    }
    for (const [to, claims] of again) this.#effects.push({ type: 'claim', to, claims });
  }

  /** Claims anew what was claimed while the clock was ahead. */
  #putBack(aboveMs: number, nowMs: number): void {
    this.#seen.forgetAbove(aboveMs);
    for (const entry of this.#entries.values()) {
      if (entry.claim.stampMs <= aboveMs) continue;
      entry.claim = { ...entry.claim, stampMs: this.#options.hlc.now() };
      entry.stampsMs.clear();
      this.#seen.note(entry.claim.clientId, entry.claim.stampMs, this.#options.brokerId);
      entry.unanswered = new Set(this.#reachable);
      entry.retryAtMs = nowMs;
      entry.retryDelayMs = RETRY_DELAY_MS;
      this.#settle(entry, nowMs);
    }
  }

  /**
   * For a broker that does not believe the stamp: just above what it said. At first also above its earlier claims, so that what was
   * judged by the greater stamp stays as it was; these may be of a time when its own clock was another.
   */
  #stampAnew(entry: Entry, to: string, seenStampMs: number): void {
    const { clientId } = entry.claim;
    const aboveMs = entry.stampsMs.has(to) ? seenStampMs : (this.#heardMs.get(to) as number);
    const stampMs = aboveMs + 1 / HLC_COUNTS;
    entry.stampsMs.set(to, stampMs);
    this.#seen.note(clientId, stampMs, this.#options.brokerId);
    entry.unanswered.add(to);
    this.#waiting.add(entry);
  }

  /** Takes a stamp of another broker into account; false when it is not believed. */
  #hears(stampMs: number, from: string): boolean {
    this.#heardMs.set(from, Math.max(this.#heardMs.get(from) ?? 0, stampMs));
    return this.#options.hlc.receive(stampMs, from);
  }

  /** Whether an entry still waits, and whether its client may come in. */
  #settle(entry: Entry, nowMs: number): void {
    if (entry.unanswered.size === 0 && !entry.claim.isLive) this.#admit(entry, nowMs);
    else if (entry.unanswered.size === 0) this.#waiting.delete(entry);
    else this.#waiting.add(entry);
  }

  #admit(entry: Entry, nowMs: number): void {
    const { clientId, isClean } = entry.claim;
    const connection = entry.connections.at(-1) as number;
    entry.claim = { ...entry.claim, isLive: true };
    const holders = [...entry.holders].filter((broker) => this.#reachable.has(broker)).sort();
    this.#effects.push({ type: 'admit', clientId, connection, holders: isClean ? [] : holders });
    if (isClean) {
      for (const to of holders) {
        entry.unanswered.add(to);
        this.#effects.push({ type: 'claim', to, claims: [claimFor(entry, to)] });
      }
      if (holders.length > 0) this.#delayRetry(entry, nowMs, RETRY_DELAY_MS);
    }
    this.#settle(entry, nowMs);
  }

  #lose(entry: Entry, code: 'SESSION_TAKEN_OVER' | 'CLIENT_ID_TAKEN', by: string): void {
    const { clientId } = entry.claim;
    for (const connection of entry.connections) this.#effects.push({ type: 'close', clientId, connection, code, by });
    this.#forget(entry);
  }

  #forget(entry: Entry): void {
    this.#waiting.delete(entry);
    this.#entries.delete(entry.claim.clientId);
  }

  #delayRetry(entry: Entry, nowMs: number, delayMs: number): void {
    entry.retryDelayMs = delayMs;
    entry.retryAtMs = nowMs + delayMs;
  }
}

/** What a broker is told of an entry. */
function claimFor({ claim, stampsMs }: Entry, to: string): Claim {
  const stampMs = stampsMs.get(to);
  return stampMs === undefined ? claim : { ...claim, stampMs };
}
