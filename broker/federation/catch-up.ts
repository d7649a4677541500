import { z } from 'zod';
import { type Clock, repeat, type Timer } from '../../core/time/index.ts';

export interface CatchUpOptions {
  brokerId: string;
  /** Random for each start of the process. */
  boot: string;
  clock: Clock;
  reachable: () => readonly string[];
  send: (to: string, kind: string, body: Buffer) => void;
  /** Where the journal of this broker ends. */
  position: () => number;
  /** Whether a broker has acknowledged this one's stream up to a position. */
  hasReached: (node: string, position: number) => boolean;
}

interface Question {
  missing: Set<string>;
  finish: (hasCaughtUp: boolean) => void;
}

interface Owed {
  from: string;
  id: string;
  position: number;
  sinceMs: number;
}

export const CATCH_UP = 'catch-up';
export const CAUGHT_UP = 'caught-up';
const RETRY_MS = 200;
/** A broker that has not come so far within this time is not waited for any more. */
const OWED_MS_MAX = 10_000;
/** Questions of others that wait; one more is passed over, and its asker asks again. */
const OWED_MAX = 4_096;

const questionSchema = z.object({ id: z.string().max(64), node: z.string().max(256) });
const answerSchema = z.object({ id: z.string().max(64) });

/**
 * Finds out when a broker has all that was published in the mesh until now: each broker notes where its journal ends, and
 * answers once its stream to that broker has been acknowledged up to there.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #questions = new Map<string, Question>();
  /** By the broker that is to have something, and by question. */
  readonly #owed = new Map<string, Map<string, Owed>>();
  #asked = 0;
  #owedCount = 0;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Resolves with true when a broker has all that was published until now at the brokers that can be reached; with false after timeoutMs. */
  caughtUp(node: string, timeoutMs: number): Promise<boolean> {
    const { brokerId, boot, clock, reachable, send } = this.#options;
    const id = `${boot}/${++this.#asked}`;
    const body = Buffer.from(JSON.stringify({ id, node }));
    return new Promise((resolve) => {
      const missing = new Set([brokerId, ...reachable()].filter((each) => each !== node));
      const ask = (): void => {
        for (const to of missing) {
          if (to === brokerId) this.#owe(brokerId, id, node);
          else send(to, CATCH_UP, body);
        }
      };
      const timers: Timer[] = [repeat(clock, RETRY_MS, ask), clock.setTimer(timeoutMs, () => finish(false))];
      const finish = (hasCaughtUp: boolean): void => {
        for (const timer of timers) timer.cancel();
        this.#questions.delete(id);
        resolve(hasCaughtUp);
      };
      this.#questions.set(id, { missing, finish });
      ask();
    });
  }

  /** Another broker wants to know when a third has caught up with this one. */
  onQuestion(from: string, body: Buffer): void {
    const question = questionSchema.safeParse(parse(body)).data;
    if (question !== undefined) this.#owe(from, question.id, question.node);
  }

  onAnswer(from: string, body: Buffer): void {
    const answer = answerSchema.safeParse(parse(body)).data;
    if (answer !== undefined) this.#answered(from, answer.id);
  }

  /** A broker has acknowledged more of this one's stream. */
  onAdvanced(node: string): void {
    for (const { from, id, position } of this.#owed.get(node)?.values() ?? []) {
      if (!this.#options.hasReached(node, position)) continue;
      this.#settle(node, from, id);
      if (from === this.#options.brokerId) this.#answered(from, id);
      else this.#options.send(from, CAUGHT_UP, Buffer.from(JSON.stringify({ id })));
    }
  }

  /** Brokers cannot be reached any more: what they have published is not waited for. */
  onLeft(nodes: readonly string[]): void {
    for (const id of [...this.#questions.keys()]) for (const node of nodes) this.#answered(node, id);
  }

  onTick(): void {
    const deadlineMs = this.#options.clock.monotonicMs() - OWED_MS_MAX;
    for (const [node, owed] of this.#owed) {
      for (const { from, id, sinceMs } of owed.values()) if (sinceMs < deadlineMs) this.#settle(node, from, id);
    }
  }

  stop(): void {
    for (const { finish } of [...this.#questions.values()]) finish(false);
  }

  #owe(from: string, id: string, node: string): void {
    const { clock, position } = this.#options;
    const owed = this.#owed.get(node) ?? new Map<string, Owed>();
    const key = keyOf(from, id);
    if (!owed.has(key) && this.#owedCount < OWED_MAX) {
      this.#owed.set(node, owed.set(key, { from, id, position: position(), sinceMs: clock.monotonicMs() }));
      this.#owedCount += 1;
    }
    this.onAdvanced(node);
  }

  #settle(node: string, from: string, id: string): void {
    const owed = this.#owed.get(node);
    if (owed?.delete(keyOf(from, id)) !== true) return;
    this.#owedCount -= 1;
    if (owed.size === 0) this.#owed.delete(node);
  }

  #answered(from: string, id: string): void {
    const question = this.#questions.get(id);
    if (question?.missing.delete(from) === true && question.missing.size === 0) question.finish(true);
  }
}

function keyOf(from: string, id: string): string {
  return `${from} ${id}`;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
