import type { Random } from '../random/index.ts';
import type { BrokerEntry, BrokerList } from '../wire/index.ts';

export interface BrokerChoiceOptions {
  /** The addresses in the client's configuration. */
  configured: readonly string[];
  /** Which of them is the client's own broker. Left out: none is, and the first try is at any. */
  own?: number | undefined;
  random: Random;
}

/** draining: its broker sends its clients away. ownIsBack: the one that it prefers is there again, and well. */
export type LeaveReason = 'draining' | 'ownIsBack';

interface Candidate {
  url: string;
  weight: number;
  isDraining: boolean;
}

/** A configured broker that the list does not have is dead, or none of ours: it has its turn, seldom before the others. */
const UNLISTED_WEIGHT = 0.05;
/** The client's own broker is taken as long as it has at least this share of the room of the emptiest. */
const OWN_SHARE_MIN = 0.5;

/**
 * Which broker a client tries next, among those of its configuration and those of the list that brokers serve.
 *
 * - No broker twice before every other one has had its turn, from the one that was lost on.
 * - While nobody has told the client of any broker, those of the configuration in turn, its own one first.
 * - With a list: its own one, if it has one that is well and about as empty as the others; else at random by weight, so that
 *   many clients spread by the room that there is without knowing of each other.
 * - Brokers that drain come last.
 *
 * A client that has an own broker and had to go elsewhere goes back when that one is well again: after a restart of one
 * broker after the other, each has its clients again.
 *
 * Of the addresses in the list only those are used whose scheme stands in the configuration too: a client that was told to
 * use TLS is not talked out of it.
 */
export class BrokerChoice {
  readonly #configured: readonly string[];
  readonly #own: string | undefined;
  readonly #random: Random;
  readonly #schemes: ReadonlySet<string>;
  #list: BrokerList = [];
  /** Which broker answers at an address of the configuration; it may advertise itself under another. */
  readonly #idAt = new Map<string, string>();
  readonly #tried = new Set<string>();
  #last: string | undefined;

  /** Throws no errors; `configured` must not be empty. */
  constructor({ configured, own, random }: BrokerChoiceOptions) {
    const start = own ?? random.below(configured.length);
    this.#configured = configured.map((_, index) => configured[(start + index) % configured.length] as string);
    this.#own = own === undefined ? undefined : this.#configured[0];
    this.#random = random;
    this.#schemes = new Set(configured.map(schemeOf));
  }

  /** How many brokers there are to try. */
  get size(): number {
    return this.#candidates().length;
  }

  /** Takes the list that the broker at an address serves. */
  learn(url: string, list: BrokerList): void {
    this.#list = list;
    const self = list.find(({ isSelf }) => isSelf);
    if (self !== undefined && this.#configured.includes(url)) this.#idAt.set(url, self.id);
  }

  /** Why a client that is connected at this address should go elsewhere; undefined when it should stay. */
  leaveReason(url: string): LeaveReason | undefined {
    const others = this.#candidates().filter((candidate) => candidate.url !== url);
    if (this.#entryAt(url)?.isDraining === true) return others.some((it) => !it.isDraining) ? 'draining' : undefined;
    // In a list that does not have it, it may be dead.
    const own = this.#own !== undefined && this.#entryAt(this.#own) !== undefined ? this.#own : undefined;
    return others.some((other) => other.url === own && this.#isWell(other)) ? 'ownIsBack' : undefined;
  }

  next(): string {
    const candidates = this.#candidates();
    let open = candidates.filter(({ url }) => !this.#tried.has(url));
    if (open.length === 0) {
      this.#tried.clear();
      open = candidates;
    }
    const { url } = this.#pick(open, candidates);
    this.#tried.add(url);
    this.#last = url;
    return url;
  }

  /** The client is connected: should the connection be lost, the others come first. */
  connected(url: string): void {
    this.#tried.clear();
    this.#tried.add(url);
  }

  #pick(open: readonly Candidate[], all: readonly Candidate[]): Candidate {
    const serving = open.filter(({ isDraining }) => !isDraining);
    const choices = serving.length > 0 ? serving : open;
    if (this.#list.length === 0) return this.#pickInTurn(choices, all);
    const own = choices.find(({ url }) => url === this.#own);
    return own !== undefined && this.#isWell(own) ? own : this.#pickByWeight(choices);
  }

  #isWell({ weight, isDraining }: Candidate): boolean {
    const emptiest = Math.max(...this.#candidates().map((candidate) => candidate.weight));
    return !isDraining && weight >= OWN_SHARE_MIN * emptiest;
  }

  /** The first behind the one that was tried last. */
  #pickInTurn(choices: readonly Candidate[], all: readonly Candidate[]): Candidate {
    const last = all.findIndex(({ url }) => url === this.#last);
    const turn = (choice: Candidate): number => (all.indexOf(choice) - last - 1 + all.length) % all.length;
    return choices.reduce((first, choice) => (turn(choice) < turn(first) ? choice : first));
  }

  #pickByWeight(choices: readonly Candidate[]): Candidate {
    const total = choices.reduce((sum, { weight }) => sum + weight, 0);
    let left = this.#random.next() * total;
    for (const choice of choices) {
      left -= choice.weight;
      if (left < 0) return choice;
    }
    // All weights are 0, or rounding left a rest.
    return choices.at(-1) as Candidate;
  }

  #candidates(): Candidate[] {
    const placed = new Set<string>();
    const candidates: Candidate[] = [];
    for (const url of this.#configured) {
      const entry = this.#entryAt(url);
      if (entry !== undefined && placed.has(entry.id)) continue;
      if (entry !== undefined) placed.add(entry.id);
      candidates.push({ url, weight: entry?.weight ?? UNLISTED_WEIGHT, isDraining: entry?.isDraining ?? false });
    }
    for (const { id, urls, weight, isDraining } of this.#list) {
      const url = placed.has(id) ? undefined : urls.find((each) => this.#schemes.has(schemeOf(each)));
      if (url !== undefined) candidates.push({ url, weight, isDraining });
    }
    return candidates;
  }

  #entryAt(url: string): BrokerEntry | undefined {
    const id = this.#idAt.get(url);
    return this.#list.find((entry) => (id === undefined ? entry.urls.includes(url) : entry.id === id));
  }
}

function schemeOf(url: string): string {
  return url.slice(0, url.indexOf(':'));
}
