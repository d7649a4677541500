import { createHash } from 'node:crypto';

// What keeps a message from going in circles where it cannot carry its path, since MQTT 3.1.1 has no properties. Both look at
// topic and payload only, and are bounded in number and time.

const ENTRIES_MAX = 10_000;
const ECHO_MS_MAX = 60_000;
/** As often as this within the window, in and out, the same message is a loop; a retained one when it goes out as often. */
export const LOOP_PASSES = 8;
/** The same for a message that came over a link and cannot carry its path, whether it comes in or not. */
export const FLOOD_PASSES = 100;
export const LOOP_WINDOW_MS = 10_000;

/** Messages that were sent to a broker which sends each of them back, so that the one that comes back is known. */
export class EchoMemory {
  readonly #sent = new Map<string, { count: number; sinceMs: number }>();

  sent(topic: string, payload: Uint8Array | string, nowMs: number): void {
    const key = contentKey(topic, payload);
    const count = (this.#sent.get(key)?.count ?? 0) + 1;
    this.#sent.delete(key);
    if (this.#sent.size >= ENTRIES_MAX) forgetOldest(this.#sent);
    this.#sent.set(key, { count, sinceMs: nowMs });
  }

  /** Whether a message is what was sent; each that was sent answers once. */
  isEcho(topic: string, payload: Uint8Array | string, nowMs: number): boolean {
    const key = contentKey(topic, payload);
    const entry = this.#sent.get(key);
    if (entry === undefined) return false;
    entry.count -= 1;
    if (entry.count === 0) this.#sent.delete(key);
    return nowMs - entry.sinceMs <= ECHO_MS_MAX;
  }
}

export interface Leaving {
  topic: string;
  payload: Uint8Array | string;
  retain: boolean;
  /** It was published at this broker, or carries its path: however often it leaves, it does not come from a circle. */
  mayFlood: boolean;
}

interface Passes {
  in: number;
  out: number;
  sinceMs: number;
}

/**
 * The last resort, for circles that no end can see: two brokers of a mesh that bridge to the same broker of MQTT 3.1.1, or
 * two others that are bridged to each other. The same message going out again and again while it also comes in again and
 * again is stopped; nobody publishes like that at both ends at once. Where it goes out at one broker of the mesh and comes
 * in at another, each sees one half of that: a retained message that goes out again and again says nothing new, and for others
 * there is a higher bound.
 */
export class LoopBreaker {
  readonly #passes = new Map<string, Passes>();

  cameIn(topic: string, payload: Uint8Array | string, nowMs: number): void {
    this.#at(topic, payload, nowMs).in += 1;
  }

  /** Whether a message may leave. Asked for each that is about to. */
  mayLeave({ topic, payload, retain, mayFlood }: Leaving, nowMs: number): boolean {
    const passes = this.#at(topic, payload, nowMs);
    const isLoop = passes.out >= LOOP_PASSES && (retain || passes.in >= LOOP_PASSES);
    if (!isLoop && (mayFlood || passes.out < FLOOD_PASSES)) {
      passes.out += 1;
      return true;
    }
    // As long as it keeps coming it stays stopped.
    passes.sinceMs = nowMs;
    return false;
  }

  #at(topic: string, payload: Uint8Array | string, nowMs: number): Passes {
    const key = contentKey(topic, payload);
    const known = this.#passes.get(key);
    const passes =
      known !== undefined && nowMs - known.sinceMs <= LOOP_WINDOW_MS ? known : { in: 0, out: 0, sinceMs: nowMs };
    this.#passes.delete(key);
    if (this.#passes.size >= ENTRIES_MAX) forgetOldest(this.#passes);
    this.#passes.set(key, passes);
    return passes;
  }
}

function contentKey(topic: string, payload: Uint8Array | string): string {
  return createHash('sha1').update(topic).update('\0').update(payload).digest('base64');
}

function forgetOldest(entries: Map<string, unknown>): void {
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
