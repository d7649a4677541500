import type { MeshTime } from '../../../core/mesh-time/index.ts';
import type { Random } from '../../../core/random/index.ts';
import {
  CLOCK_NODE_DEFAULTS,
  type ClockEffect,
  type ClockEvent,
  type ClockMessage,
  ClockNode,
  clockMessageSchema,
  type SavedClock,
} from '../../../gateway/clock/core/index.ts';
import type { Boot, DiskContents, Machine, ProcessEvent, ProcessId, Program } from '../world/index.ts';

export type Wire =
  | { type: 'probe'; t1Ms: number }
  | { type: 'reply'; t1Ms: number; t2Ms: number; t3Ms: number; boot: string }
  | { type: 'clock'; message: ClockMessage };

/** How a gateway that lies changes what it says; the honest say what is. */
export interface Lie {
  /** Added to the stamps of its probe replies. */
  stampMs(monotonicMs: number): number;
  /** Added to what its mesh clock shows, in its reports. */
  shownMs(monotonicMs: number): number;
}

const TICK = 0;
const BOOT_RANDOM = 1_000_000_000;

export const nameOf = (process: ProcessId): string => `g${process}`;
const processOf = (name: string): ProcessId => Number(name.slice(1));

/** One life of a gateway: the production ClockNode, probes that it answers, and a disk for its frequency. */
export class SimMember implements Program<Wire> {
  readonly node: ClockNode;
  readonly boot: string;
  readonly #machine: Machine<Wire, SavedClock>;
  readonly #lie: Lie | undefined;
  /** Since when it follows others, or leads them. */
  synchronisedAtMs: number | undefined;
  notes: string[] = [];
  #probes = new Map<number, ProcessId>();
  #nextTimer = 1;

  constructor(machine: Machine<Wire, SavedClock>, disk: DiskContents<SavedClock>, lie: Lie | undefined) {
    this.#machine = machine;
    this.#lie = lie;
    this.boot = bootOf(machine.random);
    const saved = disk.checkpoint?.isIntact ? disk.checkpoint.value : undefined;
    const start = { monotonicMs: machine.monotonicMs(), wallMs: machine.wallMs(), saved };
    this.node = new ClockNode({ ...CLOCK_NODE_DEFAULTS, name: nameOf(machine.id), boot: this.boot }, start);
    this.#machine.setTimer(0, TICK);
  }

  at(): MeshTime {
    return this.node.at(this.#machine.monotonicMs());
  }

  monotonicMs(): number {
    return this.#machine.monotonicMs();
  }

  do(event: ClockEvent): void {
    this.#carryOut(this.node.step(event, this.#machine.monotonicMs()));
  }

  onEvent(event: ProcessEvent<Wire>): void {
    if (event.type === 'message') this.#onMessage(event.from, event.message);
    else if (event.type === 'timer') this.#onTimer(event.timer);
  }

  #onTimer(timer: number): void {
    if (timer !== TICK) {
      const peer = this.#probes.get(timer);
      this.#probes.delete(timer);
      if (peer !== undefined) this.#machine.send(peer, { type: 'probe', t1Ms: this.#machine.monotonicMs() });
      return;
    }
    const nowMs = this.#machine.monotonicMs();
    if (nowMs >= this.node.nextDueMs) this.do({ type: 'tick' });
    this.#machine.setTimer(Math.max(0.1, Math.min(this.node.nextDueMs - nowMs, 250)), TICK);
  }

  #onMessage(from: ProcessId, message: Wire): void {
    const nowMs = this.#machine.monotonicMs();
    switch (message.type) {
      case 'probe': {
        const stampMs = nowMs + (this.#lie?.stampMs(nowMs) ?? 0);
        this.#machine.send(from, {
          ...{ type: 'reply', t1Ms: message.t1Ms, boot: this.boot },
          ...{ t2Ms: stampMs, t3Ms: stampMs },
        });
        return;
      }
      case 'reply': {
        const { t1Ms, t2Ms, t3Ms, boot } = message;
        const exchange = { t1Ms, t2Ms, t3Ms, t4Ms: nowMs };
        // One that an earlier life asked for has stamps of another clock.
        if (t1Ms > nowMs) return;
        this.do({ type: 'exchange', peer: nameOf(from), boot, path: 'udp', exchange });
        return;
      }
      case 'clock':
        this.do({ type: 'message', from: nameOf(from), message: message.message });
    }
  }

  #carryOut(effects: readonly ClockEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send':
          this.#machine.send(processOf(effect.to), { type: 'clock', message: this.#said(effect.message) });
          break;
        case 'probe':
          for (let nth = 0; nth < effect.count; nth++) {
            const timer = this.#nextTimer++;
            this.#probes.set(timer, processOf(effect.peer));
            this.#machine.setTimer(nth * effect.spacingMs, timer);
          }
          break;
        case 'save':
          this.#machine.saveCheckpoint(effect.saved, 100, 0);
          break;
        case 'note':
          this.notes.push(effect.note.kind);
          if (effect.note.kind === 'synchronised') this.synchronisedAtMs = this.#machine.monotonicMs();
          this.#machine.trace(() => `note ${JSON.stringify(effect.note)}`);
          break;
      }
    }
  }

  #said(message: ClockMessage): ClockMessage {
    // What is sent has to be what the schema takes.
    const parsed = clockMessageSchema.parse(message);
    if (this.#lie === undefined || parsed.type !== 'report') return parsed;
    const { stretch } = parsed;
    const shownMs = stretch.shownMs + this.#lie.shownMs(this.#machine.monotonicMs());
    return { ...parsed, stretch: { ...stretch, shownMs } };
  }
}

export function memberBoot(
  lieOf: (process: ProcessId) => Lie | undefined,
  onStart: (process: ProcessId, member: SimMember) => void,
): Boot<Wire, SavedClock> {
  return (machine, disk) => {
    const member = new SimMember(machine, disk, lieOf(machine.id));
    onStart(machine.id, member);
    return member;
  };
}

function bootOf(random: Random): string {
  return random.below(BOOT_RANDOM).toString(36);
}
