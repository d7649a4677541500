import type { Clock } from '../../../core/time/index.ts';
import { ProbeListeners } from './listeners.ts';
import type { Exchange, ProbePathName, ProbePeer, ProbeSource, Unanswered } from './types.ts';

export interface ProbePathsOptions {
  /** The best first. */
  sources: readonly { path: ProbePathName; source: ProbeSource }[];
  clock: Clock;
  /** So many probes in a row without an answer, and the next path is taken. */
  unansweredMax?: number;
  /** How often the better paths are tried again. */
  retryMs?: number;
}

const UNANSWERED_MAX = 12;
const RETRY_MS = 30_000;
/** Of a try; one may be lost. */
const RETRY_PROBES = 3;

/** Over what a peer's clock is measured, and why. */
export interface PathState {
  peer: string;
  path: ProbePathName;
  /** For people. */
  why: string;
  sinceMs: number;
  /** Probes in a row that nobody answered on this path. */
  unanswered: number;
}

interface Choice {
  /** Place of the path among the sources. */
  at: number;
  why: string;
  sinceMs: number;
  unanswered: number;
  /** When the better paths are tried next. */
  retryAtMs: number;
}

/**
 * Takes for each peer the best path that gets answers. A path is left after some unanswered probes in a row, for the next one, and
 * from the last one for the first; whenever a better path answers, it is taken again.
 */
export class ProbePaths implements ProbeSource {
  readonly #sources: ProbePathsOptions['sources'];
  readonly #clock: Clock;
  readonly #unansweredMax: number;
  readonly #retryMs: number;
  readonly #listeners = new ProbeListeners();
  readonly #choices = new Map<string, Choice>();

  /** The sources belong to the caller, who starts and stops them. */
  constructor({ sources, clock, unansweredMax = UNANSWERED_MAX, retryMs = RETRY_MS }: ProbePathsOptions) {
    this.#sources = sources;
    this.#clock = clock;
    this.#unansweredMax = unansweredMax;
    this.#retryMs = retryMs;
    for (const [at, { source }] of sources.entries()) {
      source.onExchange((exchange) => this.#answered(at, exchange));
      source.onUnanswered((unanswered) => this.#unanswered(at, unanswered));
    }
  }

  setPeers(peers: readonly ProbePeer[]): void {
    for (const { source } of this.#sources) source.setPeers(peers);
    const names = new Set(peers.map(({ name }) => name));
    for (const name of this.#choices.keys()) if (!names.has(name)) this.#choices.delete(name);
    for (const name of names) {
      if (!this.#choices.has(name)) this.#choices.set(name, this.#choose(0, 'the best path, not tried yet'));
    }
  }

  probe(peer: string, count: number, spacingMs: number): void {
    const choice = this.#choices.get(peer);
    const nowMs = this.#clock.monotonicMs();
    const isRetry = choice !== undefined && choice.at > 0 && nowMs >= choice.retryAtMs;
    if (isRetry) choice.retryAtMs = nowMs + this.#retryMs;
    const at = choice?.at ?? 0;
    const better = isRetry ? this.#sources.slice(0, at) : [];
    for (const { source } of better) source.probe(peer, Math.min(count, RETRY_PROBES), spacingMs);
    this.#sources[at]?.source.probe(peer, count, spacingMs);
  }

  onExchange: ProbeSource['onExchange'] = (listener) => this.#listeners.onExchange(listener);
  onUnanswered: ProbeSource['onUnanswered'] = (listener) => this.#listeners.onUnanswered(listener);

  states(): PathState[] {
    return [...this.#choices].map(([peer, { at, why, sinceMs, unanswered }]) => {
      return { peer, path: this.#nameOf(at), why, sinceMs, unanswered };
    });
  }

  #answered(at: number, exchange: Exchange): void {
    const choice = this.#choices.get(exchange.peer);
    if (choice !== undefined && at === choice.at) {
      choice.unanswered = 0;
      choice.why = at === 0 ? 'the best path, and it answers' : choice.why;
    } else if (choice !== undefined && at < choice.at) {
      this.#choices.set(exchange.peer, this.#choose(at, `${this.#nameOf(at)} answers again`));
    }
    this.#listeners.tellExchange(exchange);
  }

  /** Of a path that is not in use, silence says nothing new. */
  #unanswered(at: number, unanswered: Unanswered): void {
    const { peer, probes } = unanswered;
    const choice = this.#choices.get(peer);
    if (choice?.at !== at) return;
    choice.unanswered += probes;
    if (choice.unanswered >= this.#unansweredMax) {
      const next = (at + 1) % this.#sources.length;
      const why = `${choice.unanswered} probes by ${this.#nameOf(at)} were not answered`;
      this.#choices.set(peer, this.#choose(next, why));
    }
    this.#listeners.tellUnanswered(unanswered);
  }

  #choose(at: number, why: string): Choice {
    const nowMs = this.#clock.monotonicMs();
    return { at, why, sinceMs: nowMs, unanswered: 0, retryAtMs: nowMs + this.#retryMs };
  }

  #nameOf(at: number): ProbePathName {
    return (this.#sources[at] as ProbePathsOptions['sources'][number]).path;
  }
}
