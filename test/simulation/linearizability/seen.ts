const BITS = 32;

interface Configuration {
  completed: Uint32Array;
  unknown: Uint32Array;
  state: number;
}

/**
 * The operations that are linearized, and every configuration that the search has been at: what failed from there once fails
 * again, whatever the order in which it was reached (Lowe 2017, "Testing for linearizability"). One that differs only in
 * having used up more operations of unknown outcome can do nothing that the other could not.
 */
export class Seen {
  readonly #completed: Uint32Array;
  readonly #unknown: Uint32Array;
  /** Of the completed ones: xor of a number per member, so that adding and removing one costs the same. */
  #hash = 0;
  readonly #stateIds = new Map<string | number, number>();
  readonly #buckets = new Map<number, Configuration[]>();

  constructor(operations: number) {
    this.#completed = new Uint32Array(Math.ceil(operations / BITS));
    this.#unknown = new Uint32Array(Math.ceil(operations / BITS));
  }

  /** A number for a state's fingerprint; numbers are cheaper to compare. */
  stateId(fingerprint: string | number): number {
    let id = this.#stateIds.get(fingerprint);
    if (id === undefined) {
      id = this.#stateIds.size;
      this.#stateIds.set(fingerprint, id);
    }
    return id;
  }

  /** Linearizes the operation, or undoes it. */
  toggle(operation: number, isUnknown: boolean): void {
    const set = isUnknown ? this.#unknown : this.#completed;
    set[Math.floor(operation / BITS)]! ^= 1 << (operation % BITS);
    if (!isUnknown) this.#hash ^= mixed(operation + 1);
  }

  /** Notes the configuration with that state; false when one as good was noted before. */
  add(state: number): boolean {
    // Within 31 bits numbers are kept without a box.
    const key = (this.#hash ^ mixed(~state)) & 0x3fff_ffff;
    const bucket = this.#buckets.get(key);
    if (bucket?.some((other) => other.state === state && this.#isNoBetterThan(other))) return false;
    const configuration = { completed: this.#completed.slice(), unknown: this.#unknown.slice(), state };
    if (bucket === undefined) this.#buckets.set(key, [configuration]);
    else bucket.push(configuration);
    return true;
  }

  #isNoBetterThan({ completed, unknown }: Configuration): boolean {
    for (let word = 0; word < completed.length; word++) {
      if (completed[word] !== this.#completed[word]) return false;
      if ((unknown[word]! & ~this.#unknown[word]!) !== 0) return false;
    }
    return true;
  }
}

/** The finaliser of MurmurHash3: every bit of the input changes half of the output's. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
