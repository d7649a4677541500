import { seededRandom } from '../core/random/index.ts';
import { meshTopic } from '../core/wire/index.ts';
import { aheadMs, type Stamp } from './clock/index.ts';
import { type DevicePlan, planDevices } from './plan.ts';
import { bootId, ReadingStream } from './reading-stream.ts';
import type { Scenario } from './scenario.ts';

export interface DryReading {
  topic: string;
  payload: string;
}

/** 2026-01-01, at which a dry run starts when nobody says another time, so that two runs are equal byte for byte. */
const START_WALL_MS = 1_767_225_600_000;

/**
 * The readings of a scenario in virtual time, without a network, in the order in which they would be made. Everything
 * follows from the seed, boot ids too. Ends at the scenario's stop condition; without one it goes on for ever.
 */
export async function* dryRun(
  scenario: Scenario & { seed: string | number },
  startWallMs = START_WALL_MS,
): AsyncGenerator<DryReading> {
  const random = seededRandom(scenario.seed);
  const plans = await planDevices(scenario, random);
  const queue = new DueQueue(
    plans.map((plan) => virtualDevice(scenario, plan, bootId(random.fork(`boot/${plan.id}`)))),
  );
  // Who follows the mesh is taken to know the time.
  const stampOf = ({ clockFault }: DevicePlan, dueMs: number): Stamp => {
    const tsMs = startWallMs + dueMs;
    if (clockFault === undefined || scenario.time === 'mesh') return { tsMs, timeQuality: 'sync' };
    return { tsMs: tsMs + aheadMs(clockFault, dueMs), timeQuality: 'est' };
  };
  const endMs = (scenario.stop.afterS ?? Number.POSITIVE_INFINITY) * 1_000;
  const readingsMax = scenario.stop.afterReadings ?? Number.POSITIVE_INFINITY;
  for (let made = 0; made < readingsMax; made++) {
    const { stream, topic, plan } = queue.first;
    const dueMs = stream.nextDueMs;
    if (dueMs > endMs) return;
    yield { topic, payload: stream.take(stampOf(plan, dueMs)).payload };
    queue.settleFirst();
  }
}

interface VirtualDevice {
  plan: DevicePlan;
  stream: ReadingStream;
  topic: string;
}

function virtualDevice(scenario: Scenario, plan: DevicePlan, boot: string): VirtualDevice {
  return { plan, stream: new ReadingStream(plan, boot), topic: meshTopic(scenario.site, plan.id, 'state') };
}

/** Devices by when their next reading is due: a binary heap, ties in order of topic so that the order is total. */
class DueQueue {
  readonly #heap: VirtualDevice[];

  constructor(devices: VirtualDevice[]) {
    this.#heap = devices;
    for (let i = (devices.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  get first(): VirtualDevice {
    return this.#heap[0] as VirtualDevice;
  }

  /** To be called when the first has moved on to its next reading. */
  settleFirst(): void {
    this.#sink(0);
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#isBefore(child, least)) least = child;
      }
      if (least === at) return;
      [this.#heap[at], this.#heap[least]] = [this.#heap[least] as VirtualDevice, this.#heap[at] as VirtualDevice];
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const left = this.#heap[a] as VirtualDevice;
    const right = this.#heap[b] as VirtualDevice;
    const byTime = left.stream.nextDueMs - right.stream.nextDueMs;
    return byTime < 0 || (byTime === 0 && left.topic < right.topic);
  }
}
