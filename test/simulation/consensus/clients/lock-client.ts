import type { Timer } from '../../../../core/time/index.ts';
import type { Command, CommandResult } from '../../../../gateway/coordination/state/index.ts';
import type { Boot, Machine, ProcessEvent, Program } from '../../world/index.ts';
import type { Holder } from '../lock-watch.ts';
import type { Stored, Wire } from '../types.ts';
import { Caller, type Ended } from './caller.ts';
import { type ClientSurroundings, pickMember } from './surroundings.ts';

const BEGIN_TIMER = 0;
const RENEW_TIMER = 1;
const TRY_TIMER = 2;
const DEED_TIMER = 3;
/** A deed that was begun while the lock was held, and is done whatever has happened since. */
const STALLED_TIMER = 4;
const LOCK = 'lock';
const ATTEMPT_MS = 200;
/** How much faster the store's clock may run than the client's, as in recipes/session.ts. */
const DRIFT_MAX = 0.01;
const STALL_RATE = 0.1;
const STALL_MS_MAX = 3_000;

interface Session {
  leaseId: string;
  ttlMs: number;
  validUntilMs: number;
  /** Of the lock, once it is held. */
  token: number | undefined;
}

/**
 * Takes a lock with a lease, does deeds at the resource with its fencing token, and gives the lock back, or forgets to. It
 * reckons with its lease as recipes/session.ts does: from the moment at which the last good renewal was sent.
 */
export function lockClient(surroundings: ClientSurroundings): Boot<Wire, Stored> {
  return (machine) => new LockClient(surroundings, machine);
}

class LockClient implements Program<Wire>, Holder {
  readonly id: number;
  readonly #surroundings: ClientSurroundings;
  readonly #machine: Machine<Wire, Stored>;
  readonly #caller: Caller;
  readonly #stalled: number[] = [];
  #timers: Timer[] = [];
  #session: Session | undefined;
  #sessions = 0;
  #sequence = 0;
  #deeds = 0;

  constructor(surroundings: ClientSurroundings, machine: Machine<Wire, Stored>) {
    this.id = machine.id;
    this.#surroundings = surroundings;
    this.#machine = machine;
    this.#caller = new Caller(machine, () => pickMember(surroundings, machine.random), surroundings.isDoubled);
    surroundings.locks.add(this);
    this.#after(machine.random.below(200), BEGIN_TIMER);
  }

  believesToHold(): boolean {
    return this.#session?.token !== undefined && this.#machine.monotonicMs() < this.#session.validUntilMs;
  }

  onEvent(event: ProcessEvent<Wire>): void {
    if (this.#caller.onEvent(event) || event.type !== 'timer') return;
    switch (event.timer) {
      case BEGIN_TIMER:
        if (!this.#surroundings.isOver()) this.#begin();
        break;
      case RENEW_TIMER:
        this.#renew();
        break;
      case TRY_TIMER:
        this.#try();
        break;
      case DEED_TIMER:
        this.#deed();
        break;
      case STALLED_TIMER:
        this.#send(this.#stalled.shift() as number);
        break;
    }
  }

  #begin(): void {
    const { random } = this.#machine;
    this.#sessions += 1;
    const leaseId = `lease-${this.id}-${this.#sessions}`;
    const ttlMs = 1_000 + random.below(1_000);
    const sentMs = this.#machine.monotonicMs();
    this.#propose({ type: 'lease-grant', leaseId, ttlMs }, ttlMs, (result) => {
      if (result?.type !== 'lease-grant') {
        this.#end('got no lease');
        return;
      }
      this.#session = { leaseId, ttlMs, validUntilMs: sentMs + ttlMs * (1 - DRIFT_MAX), token: undefined };
      this.#after(ttlMs / 3, RENEW_TIMER);
      this.#try();
    });
  }

  #renew(): void {
    const session = this.#session;
    if (session === undefined) return;
    if (!this.#isAlive(session)) {
      this.#end('has lost its lease');
      return;
    }
    const sentMs = this.#machine.monotonicMs();
    this.#propose({ type: 'lease-renew', leaseId: session.leaseId }, session.ttlMs / 3, (result) => {
      if (this.#session !== session) return;
      if (result?.type === 'error' || !this.#isAlive(session)) {
        this.#end('has lost its lease');
        return;
      }
      if (result?.type === 'lease-renew') {
        session.validUntilMs = Math.max(session.validUntilMs, sentMs + session.ttlMs * (1 - DRIFT_MAX));
        if (session.token !== undefined) this.#surroundings.locks.believes(this, session.token);
      }
      this.#after(session.ttlMs / 3, RENEW_TIMER);
    });
  }

  #try(): void {
    const session = this.#session;
    if (session === undefined) return;
    const { leaseId, ttlMs } = session;
    const command: Command = {
      type: 'transaction',
      compare: [{ key: LOCK, target: 'createRevision', op: '=', value: 0 }],
      success: [{ op: 'put', key: LOCK, value: leaseId, leaseId }],
      failure: [{ op: 'get', range: { key: LOCK } }],
    };
    this.#propose(command, ttlMs, (result) => {
      if (this.#session !== session) return;
      if (result?.type === 'error') {
        this.#end('has lost its lease');
        return;
      }
      const token = result?.type === 'transaction' ? tokenIn(result, leaseId) : undefined;
      if (token === undefined) {
        this.#after(20 + this.#machine.random.below(100), TRY_TIMER);
        return;
      }
      session.token = token;
      if (!this.believesToHold()) return;
      this.#machine.trace(() => `holds the lock by token ${token}`);
      this.#surroundings.locks.believes(this, token);
      this.#deeds = 1 + this.#machine.random.below(30);
      this.#deed();
    });
  }

  #deed(): void {
    const session = this.#session;
    if (session?.token === undefined || !this.believesToHold()) return;
    const { random } = this.#machine;
    // Between the look at the clock and the deed a process may stand still.
    if (random.next() < STALL_RATE) {
      this.#stalled.push(session.token);
      this.#after(STALL_MS_MAX, STALLED_TIMER);
    } else {
      this.#send(session.token);
    }
    this.#deeds -= 1;
    if (this.#deeds > 0) this.#after(20 + random.below(80), DEED_TIMER);
    else this.#release(session);
  }

  #send(token: number): void {
    this.#machine.send(this.#surroundings.resource, { kind: 'deed', call: 0, token });
  }

  #release({ leaseId, ttlMs }: Session): void {
    const roll = this.#machine.random.next();
    this.#end(roll < 0.4 ? 'gives the lock back' : 'forgets its lock');
    if (roll < 0.4) this.#propose({ type: 'lease-revoke', leaseId }, ttlMs, () => {});
  }

  #end(why: string): void {
    this.#machine.trace(() => why);
    this.#session = undefined;
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#after(this.#machine.random.below(300), BEGIN_TIMER);
  }

  #isAlive({ validUntilMs }: Session): boolean {
    return this.#machine.monotonicMs() < validUntilMs;
  }

  #after(delayMs: number, timer: number): void {
    const set = this.#machine.setTimer(delayMs, timer);
    if (timer !== STALLED_TIMER) this.#timers.push(set);
  }

  #propose(command: Command, withinMs: number, done: (result: CommandResult | undefined) => void): void {
    this.#sequence += 1;
    const request = { id: { client: `holder-${this.id}`, sequence: this.#sequence }, command };
    const ask = { op: 'propose' as const, request, timeoutMs: withinMs };
    this.#caller.call(ask, ATTEMPT_MS, withinMs, (ended: Ended) => done(ended.answer as CommandResult | undefined));
  }
}

/** The token when the lock is this lease's, by this attempt or by one whose answer was lost. */
function tokenIn(result: Extract<CommandResult, { type: 'transaction' }>, leaseId: string): number | undefined {
  if (result.succeeded) return result.revision;
  const [found] = result.results;
  const keyValue = found?.op === 'get' ? found.keyValues[0] : undefined;
  return keyValue?.leaseId === leaseId ? keyValue.modRevision : undefined;
}
