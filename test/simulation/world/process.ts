import type { Random } from '../../../core/random/index.ts';
import type { Timer } from '../../../core/time/index.ts';
import { SimClock } from './clock.ts';
import type { SimDisk } from './disk.ts';
import { Spells } from './spells.ts';
import type { Boot, Machine, ProcessEvent, ProcessId, Program } from './types.ts';

/** What a process needs of its world. */
export interface Surroundings<Message> {
  nowMs(): number;
  /** Calls back at that time, unless the entry is cancelled before. */
  schedule(atMs: number, process: ProcessId, callback: () => void): Timer;
  send(from: ProcessId, to: ProcessId, message: Message): void;
  /** A process ended itself. */
  exited(process: ProcessId): void;
  mark(first: number, second: number): void;
  trace(process: ProcessId, text: () => string): void;
}

/** Room for the rounding of clock readings, so that a timer is never early by the clock of its own machine. */
const CLOCK_STEP_MS = 1e-6;

/** A process and its machine: clocks, a disk, and a program that lives between a start and a crash. */
export class SimProcess<Message, Stored> implements Machine<Message, Stored> {
  readonly id: ProcessId;
  readonly random: Random;
  readonly disk: SimDisk<Stored>;
  readonly clock = new SimClock();
  readonly #boot: Boot<Message, Stored>;
  readonly #world: Surroundings<Message>;
  #pauses = new Spells();
  /** What came while it was paused. */
  #backlog: ProcessEvent<Message>[] = [];
  #program: Program<Message> | undefined;
  /** How often it has been started; what was on its way for an earlier life is dropped. */
  #life = 0;

  constructor(
    id: ProcessId,
    boot: Boot<Message, Stored>,
    world: Surroundings<Message>,
    parts: { random: Random; disk: SimDisk<Stored> },
  ) {
    this.id = id;
    this.#boot = boot;
    this.#world = world;
    this.random = parts.random;
    this.disk = parts.disk;
  }

  get isUp(): boolean {
    return this.#program !== undefined;
  }

  get isPaused(): boolean {
    return this.#pauses.current > 0;
  }

  start(): void {
    if (this.#program !== undefined) return;
    this.#life += 1;
    this.clock.startOver(this.#world.nowMs());
    this.trace(() => `starts, life ${this.#life}`);
    // A program may act, even exit, while it is made.
    this.#program = STARTING;
    const program = this.#boot(this, this.disk.contents);
    if (this.#program === STARTING) this.#program = program;
  }

  crash(kind: 'kill' | 'powerCut'): void {
    if (this.#program === undefined) return;
    this.trace(() => (kind === 'kill' ? 'is killed' : 'loses its power'));
    if (kind === 'kill') this.disk.kill();
    else this.disk.cutPower();
    this.#program = undefined;
    this.#backlog = [];
    this.#pauses = new Spells();
  }

  /** Nothing reaches the program until the pause ends; then all of it at once. Its clocks go on. */
  pause(): () => void {
    this.trace(() => 'is paused');
    const pauses = this.#pauses;
    const end = pauses.begin(1);
    return () => {
      end();
      if (this.isPaused || pauses !== this.#pauses) return;
      this.trace(() => `goes on, ${this.#backlog.length} events late`);
      // One by one: each may cancel a timer that is among the rest, or end this life.
      for (let event = this.#backlog.shift(); event !== undefined; event = this.#backlog.shift()) this.deliver(event);
    };
  }

  /** To the program of the present life; false when there is none. */
  deliver(event: ProcessEvent<Message>): boolean {
    if (this.#program === undefined) return false;
    if (this.isPaused) this.#backlog.push(event);
    else this.#program.onEvent(event);
    return true;
  }

  monotonicMs(): number {
    return this.clock.monotonicMs(this.#world.nowMs());
  }

  wallMs(): number {
    return this.clock.wallMs(this.#world.nowMs());
  }

  setTimer(delayMs: number, timer: number): Timer {
    const dueMs = this.monotonicMs() + Math.max(0, delayMs);
    const life = this.#life;
    const event: ProcessEvent<Message> = { type: 'timer', timer };
    let entry: Timer;
    const arm = (): void => {
      const waitMs = this.clock.trueMs(dueMs - this.monotonicMs()) + CLOCK_STEP_MS;
      entry = this.#world.schedule(this.#world.nowMs() + waitMs, this.id, () => {
        if (this.#life !== life) return;
        // The clock's rate may have changed meanwhile.
        if (this.monotonicMs() < dueMs) arm();
        else this.deliver(event);
      });
    };
    arm();
    return {
      cancel: () => {
        entry.cancel();
        if (this.#backlog.length > 0) this.#backlog = this.#backlog.filter((late) => late !== event);
      },
    };
  }

  send(to: ProcessId, message: Message): void {
    if (this.isUp) this.#world.send(this.id, to, message);
  }

  append(record: Stored, bytes: number): number {
    return this.#request(this.disk.append(record, bytes));
  }

  saveCheckpoint(value: Stored, bytes: number, firstRecord: number): number {
    return this.#request(this.disk.saveCheckpoint(value, bytes, firstRecord));
  }

  truncate(endRecord: number): number {
    return this.#request(this.disk.truncate(endRecord));
  }

  exit(reason: string): void {
    if (!this.isUp) return;
    this.trace(() => `exits: ${reason}`);
    this.crash('kill');
    this.#world.exited(this.id);
  }

  mark(first: number, second: number): void {
    this.#world.mark(first, second);
  }

  trace(text: () => string): void {
    this.#world.trace(this.id, text);
  }

  #request(ticket: number): number {
    if (this.isUp) this.#sync();
    return ticket;
  }

  #sync(): void {
    const tookMs = this.disk.begin();
    if (tookMs === undefined) return;
    const life = this.#life;
    this.#world.schedule(this.#world.nowMs() + tookMs, this.id, () => {
      if (this.#life !== life || !this.isUp) return;
      const { upTo, failed } = this.disk.finish();
      this.#sync();
      if (failed === undefined) this.deliver({ type: 'diskDone', upTo });
      else this.deliver({ type: 'diskFailed', upTo, code: failed });
    });
  }
}

/** Stands for a program that is being made: it is up, and nothing can reach it yet. */
const STARTING: Program<never> = {
  onEvent() {
    throw new Error('an event came in the middle of a start');
  },
};
