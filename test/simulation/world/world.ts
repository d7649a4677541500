import { type Random, seededRandom } from '../../../core/random/index.ts';
import type { Timer } from '../../../core/time/index.ts';
import { type DiskSpeed, SimDisk, SSD } from './disk.ts';
import { EventQueue } from './event-queue.ts';
import { type Delay, LAN, Network } from './network.ts';
import { SimProcess, type Surroundings } from './process.ts';
import { Trace } from './trace.ts';
import type { Boot, ProcessId } from './types.ts';

export interface WorldOptions<Message> {
  seed: string | number;
  delay?: Delay;
  diskSpeed?: DiskSpeed;
  /** After which a process that ended itself is started again. Default 100. */
  restartDelayMs?: number;
  /** Called with each line of the trace; without it no line is made. */
  onLine?: (line: string) => void;
  describe?: (message: Message) => string;
  /** After every event, with the process that it happened to; here invariants are checked. */
  afterEvent?: (process: ProcessId) => void;
}

interface Entry<Message> extends Timer {
  atMs: number;
  sequence: number;
  /** Whom it happens to; 0 for the world itself. */
  process: ProcessId;
  /** Undefined once it is cancelled. */
  callback: (() => void) | undefined;
  /** Of the arrival of a message, instead of a callback: they are most of all events. */
  from: ProcessId;
  message: Message | undefined;
}

/** Drift and offset that clocks have without any fault. */
const DRIFT_PPM_MAX = 50;
const OFFSET_MS_MAX = 20;
const RESTART_DELAY_MS = 100;

/**
 * Processes, their network, clocks and disks, in virtual time and one thread. Everything follows from the seed: the same
 * programs and the same faults in a world of the same seed do the same things, and the trace has the same hash.
 */
export class World<Message, Stored> {
  readonly random: Random;
  readonly network: Network<Message>;
  readonly processes: SimProcess<Message, Stored>[] = [];
  readonly trace: Trace;
  readonly #options: WorldOptions<Message>;
  readonly #queue = new EventQueue<Entry<Message>>();
  readonly #surroundings: Surroundings<Message> = {
    nowMs: () => this.#nowMs,
    schedule: (atMs, process, callback) => this.#push(atMs, process, callback, 0, undefined),
    send: (from, to, message) => {
      this.trace.line(this.#nowMs, `${from}`, () => `-> ${to} ${this.#describe(message)}`);
      this.network.send(from, to, message);
    },
    exited: (process) => {
      this.after(this.#options.restartDelayMs ?? RESTART_DELAY_MS, () => this.process(process).start());
    },
    mark: (first, second) => this.trace.mark(first, second),
    trace: (process, text) => this.trace.line(this.#nowMs, `${process}`, text),
  };
  #nowMs = 0;
  #sequence = 0;
  #events = 0;

  constructor(options: WorldOptions<Message>) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.trace = new Trace(options.onLine);
    this.network = new Network(this.random.fork('network'), options.delay ?? LAN, {
      nowMs: () => this.#nowMs,
      arrive: (atMs, from, to, message) => this.#push(atMs, to, undefined, from, message),
    });
  }

  /** True time since the beginning of the world. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get events(): number {
    return this.#events;
  }

  /** The process gets the next id, and starts at once. */
  add(boot: Boot<Message, Stored>): SimProcess<Message, Stored> {
    const id = this.processes.length + 1;
    const random = this.random.fork(`process ${id}`);
    const disk = new SimDisk<Stored>(random.fork('disk'), this.#options.diskSpeed ?? SSD);
    const process = new SimProcess<Message, Stored>(id, boot, this.#surroundings, { random, disk });
    process.clock.setDrift(0, (random.next() * 2 - 1) * DRIFT_PPM_MAX);
    process.clock.stepWall((random.next() * 2 - 1) * OFFSET_MS_MAX);
    this.processes.push(process);
    process.start();
    return process;
  }

  process(id: ProcessId): SimProcess<Message, Stored> {
    const process = this.processes[id - 1];
    if (process === undefined) throw new Error(`there is no process ${id} in this world`);
    return process;
  }

  /** Calls back after so much true time. */
  after(delayMs: number, callback: () => void): Timer {
    return this.#push(this.#nowMs + delayMs, 0, callback, 0, undefined);
  }

  /** Goes on until that time, or until the condition, asked after every event, holds; returns whether it held. */
  runUntil(endMs: number, isDone?: () => boolean): boolean {
    for (let entry = this.#queue.peek(); entry !== undefined && entry.atMs <= endMs; entry = this.#queue.peek()) {
      this.#queue.pop();
      this.#nowMs = entry.atMs;
      this.#happen(entry);
      if (isDone?.()) return true;
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
    return false;
  }

  #happen(entry: Entry<Message>): void {
    const { process, from, message, callback } = entry;
    if (from === 0 && callback === undefined) return;
    this.#events += 1;
    this.trace.mark(entry.atMs, process * 1_024 + from);
    if (from === 0) callback?.();
    else this.#arrive(from, process, message as Message);
    this.#options.afterEvent?.(process);
  }

  #arrive(from: ProcessId, to: ProcessId, message: Message): void {
    if (this.network.isOpen(from, to)) {
      this.trace.line(this.#nowMs, `${to}`, () => `<- ${from} ${this.#describe(message)}`);
      if (this.process(to).deliver({ type: 'message', from, message })) return;
    }
    this.network.counts.dropped += 1;
  }

  #push(
    atMs: number,
    process: ProcessId,
    callback: (() => void) | undefined,
    from: ProcessId,
    message: Message | undefined,
  ): Entry<Message> {
    const entry: Entry<Message> = {
      atMs,
      sequence: this.#sequence++,
      process,
      callback,
      from,
      message,
      cancel() {
        entry.callback = undefined;
      },
    };
    this.#queue.push(entry);
    return entry;
  }

  #describe(message: Message): string {
    return this.#options.describe?.(message) ?? JSON.stringify(message);
  }
}
