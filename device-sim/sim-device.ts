import type { Link } from '../core/device-link/index.ts';
import type { Clock, Timer } from '../core/time/index.ts';
import type { Stamp } from './clock/index.ts';
import { Outbox, type OutboxEntry } from './outbox.ts';
import type { DevicePlan } from './plan.ts';
import { ReadingStream } from './reading-stream.ts';
import type { FleetStats } from './summary.ts';

export interface SimDeviceOptions {
  plan: DevicePlan;
  boot: string;
  link: Link;
  clock: Clock;
  /** What its clock says now. */
  stamp: () => Stamp;
  stats: FleetStats;
  queueReadingsMax: number;
  windowMax: number;
  /** Asked before each reading; false ends the device's readings. */
  mayProduce: () => boolean;
}

/** One device of a fleet: makes its readings when they are due, and sees each through to its PUBACK. */
export class SimDevice {
  readonly #options: SimDeviceOptions;
  readonly #stream: ReadingStream;
  readonly #outbox: Outbox;
  #timer: Timer | undefined;
  #fleetStartMs = 0;
  #wasUp = false;
  #isDeclaring = false;

  constructor(options: SimDeviceOptions) {
    this.#options = options;
    this.#stream = new ReadingStream(options.plan, options.boot);
    this.#outbox = new Outbox({ readingsMax: options.queueReadingsMax, boot: options.boot });
  }

  /** fleetStartMs: the fleet's start in monotonic ms. */
  start(fleetStartMs: number): void {
    const { clock, plan, link } = this.#options;
    this.#fleetStartMs = fleetStartMs;
    this.#timer = clock.setTimer(plan.startMs, () => {
      link.start();
      this.#arm();
    });
  }

  /** Makes no more readings; those that it has are still sent. */
  pause(): void {
    this.#timer?.cancel();
  }

  linkUp(): void {
    const { stats } = this.#options;
    stats.connected++;
    stats.connects++;
    if (this.#wasUp) stats.reconnects++;
    this.#wasUp = true;
    this.#isDeclaring = false;
    this.#pump();
  }

  linkDown(): void {
    this.#options.stats.connected--;
    this.#outbox.rewind();
  }

  #arm(): void {
    const { clock } = this.#options;
    const elapsedMs = clock.monotonicMs() - this.#fleetStartMs;
    this.#stream.skipBefore(elapsedMs);
    this.#timer = clock.setTimer(Math.max(0, this.#stream.nextDueMs - elapsedMs), () => this.#produce());
  }

  #produce(): void {
    const { stamp, stats, mayProduce } = this.#options;
    if (!mayProduce()) return;
    const { seq, payload } = this.#stream.take(stamp());
    stats.sent++;
    stats.dropped += this.#outbox.push(seq, payload);
    this.#pump();
    this.#arm();
  }

  #pump(): void {
    const { link, windowMax, clock } = this.#options;
    if (!link.isUp) return;
    // Before the readings: acknowledgements come in order, so a gap is known before what follows it counts.
    this.#declareGaps();
    while (this.#outbox.underWay < windowMax) {
      const entry = this.#outbox.takeNext(clock.monotonicMs());
      if (entry === undefined) return;
      this.#send(entry);
    }
  }

  #send(entry: OutboxEntry): void {
    const { link, plan, clock, stats } = this.#options;
    if (plan.qos === 0) {
      // Nothing comes back for QoS 0: it is done once it is written.
      if (!link.publish('state', entry.payload, { qos: 0 })) return;
      stats.unconfirmed++;
      this.#outbox.acknowledge(entry);
      return;
    }
    link.publish('state', entry.payload, { qos: 1 }, () => {
      stats.acknowledged++;
      stats.recordLatency(clock.monotonicMs() - (entry.firstSentMs as number));
      this.#outbox.acknowledge(entry);
      this.#pump();
    });
  }

  #declareGaps(): void {
    const [gap] = this.#outbox.gaps();
    if (gap === undefined || this.#isDeclaring) return;
    this.#isDeclaring = true;
    this.#options.link.publish('gap', JSON.stringify(gap), { qos: 1 }, () => {
      this.#isDeclaring = false;
      this.#outbox.declared(gap);
      this.#declareGaps();
    });
  }
}
