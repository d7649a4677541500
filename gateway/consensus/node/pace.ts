import { type Message, NONE, type NodeId } from '../raft/index.ts';

/** The election time-out is kept at this many times the silence that a leader that lives is expected to have. */
const SILENCES_PER_ELECTION = 3;
const STRETCH_MAX = 20;
/** A silence counts half after so long, a quarter after twice as long, and so on. */
const HALF_LIFE_MS = 5_000;

/**
 * How long a tick is. Time-outs are counted in ticks, so that a network, a disk or an event loop that is slow gets elections that are as
 * patient: a follower measures how long its leader was silent though it lived, and stretches its ticks. A leader does not stretch
 * its own, since it has to be heard.
 *
 * The second longest silence of the last seconds decides. A leader whose event loop is blocked again and again has many that are nearly
 * as long as its longest; the longest alone may be a single hiccup, and with elections that wait for three such a leader that is dead
 * would be missed late. A silence is measured in the time that was counted: while this process was itself held up it heard nobody, and
 * no tick went by either.
 */
export class Pace {
  readonly #tickMs: number;
  readonly #electionTicks: number;
  #leader: { term: number; id: NodeId } = { term: 0, id: NONE };
  /** Of the time that was counted. */
  #heardAtMs: number | undefined;
  #countedMs = 0;
  /** The tick under way. */
  #tick = { startMs: 0, lengthMs: 0 };
  /** As long as they count now. */
  #longestMs = 0;
  #secondMs = 0;
  #fadedMs = 0;

  constructor(tickMs: number, electionTicks: number) {
    this.#tickMs = tickMs;
    this.#electionTicks = electionTicks;
  }

  /** A message has come; only those count that a leader sends, and not one that was replaced and does not know it yet. */
  heard({ type, term, from }: Pick<Message, 'type' | 'term' | 'from'>, ownTerm: number, nowMs: number): void {
    if ((type !== 'MsgHeartbeat' && type !== 'MsgApp') || term < ownTerm) return;
    const atMs = this.#countedUntil(nowMs);
    const isSame = this.#leader.term === term && this.#leader.id === from;
    if (isSame && this.#heardAtMs !== undefined) this.#note(atMs - this.#heardAtMs, nowMs);
    if (!isSame) this.#leader = { term, id: from };
    this.#heardAtMs = atMs;
  }

  /** A tick begins; returns its length. */
  beginTick(isLeader: boolean, nowMs: number): number {
    this.#countedMs = this.#countedUntil(nowMs);
    this.#tick = { startMs: nowMs, lengthMs: this.#tickMs * (isLeader ? 1 : this.#stretch) };
    return this.#tick.lengthMs;
  }

  get #stretch(): number {
    const wantedMs = SILENCES_PER_ELECTION * this.#secondMs;
    return Math.min(STRETCH_MAX, Math.max(1, wantedMs / (this.#tickMs * this.#electionTicks)));
  }

  /** A tick counts for its length, however late it ends. */
  #countedUntil(nowMs: number): number {
    return this.#countedMs + Math.min(this.#tick.lengthMs, nowMs - this.#tick.startMs);
  }

  #note(silenceMs: number, nowMs: number): void {
    const part = 0.5 ** ((nowMs - this.#fadedMs) / HALF_LIFE_MS);
    this.#fadedMs = nowMs;
    const longestMs = this.#longestMs * part;
    this.#secondMs = Math.max(this.#secondMs * part, Math.min(longestMs, silenceMs));
    this.#longestMs = Math.max(longestMs, silenceMs);
  }
}
