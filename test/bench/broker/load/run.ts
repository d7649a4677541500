import { build } from 'hdr-histogram-js';
import { delay, systemClock } from '../../../../core/time/index.ts';
import { cpuMs, machineBusyMs, residentBytes } from '../proc.ts';
import type { LoadResult, LoadSpec } from './spec.ts';
import { Traffic } from './traffic.ts';

const MEMORY_INTERVAL_MS = 100;
const US_PER_MS = 1_000;
/** Deliveries that do not come for so long will not come. */
const GIVE_UP_MS = 3_000;
/** As long as a bridge may take to find that its peer is back. */
const BACKLOG_GIVE_UP_MS = 40_000;

/** Tells the parent where the run is, and waits for its go-ahead. */
export type Checkpoint = (type: 'ready' | 'published') => Promise<void>;

/** One run, from the first CONNECT to the last delivery. Rejects when a client is refused or cut off. */
export async function runLoad(spec: LoadSpec, checkpoint: Checkpoint): Promise<LoadResult> {
  const latencyUs = build({ highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: 3 });
  let firstAtMs: number | undefined;
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  const traffic = new Traffic({
    spec,
    onLatency: (value) => latencyUs.recordValue(Math.max(0, Math.round(value))),
    onDelivered: () => {
      firstAtMs ??= performance.now();
    },
    onFailure: (reason) => fail(new Error(reason)),
  });
  let residentBytesMax = 0;
  const sampling = setInterval(() => {
    const resident = spec.pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
    residentBytesMax = Math.max(residentBytesMax, resident);
  }, MEMORY_INTERVAL_MS);
  const reading = () => {
    const cpu = spec.pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
    const ownCpu = cpuMs(process.pid);
    const foreignCpu = machineBusyMs() - cpu - ownCpu;
    return { atMs: performance.now(), delivered: traffic.delivered, cpu, ownCpu, foreignCpu };
  };

  const steady = async ({ warmUpMs, measureMs }: { warmUpMs: number; measureMs: number }) => {
    traffic.start();
    await delay(systemClock, warmUpMs);
    latencyUs.reset();
    firstAtMs = undefined;
    const before = reading();
    await delay(systemClock, measureMs);
    const after = reading();
    const percentiles = percentilesOf();
    traffic.stop();
    await settled(traffic, GIVE_UP_MS);
    return { before, after, percentiles };
  };
  const backlog = async ({ messages }: { messages: number }) => {
    traffic.start(messages);
    while (traffic.published < messages || traffic.unacknowledged > 0) await delay(systemClock, 5);
    await checkpoint('published');
    firstAtMs = undefined;
    const before = reading();
    await settled(traffic, BACKLOG_GIVE_UP_MS, 5);
    return { before, after: reading(), percentiles: percentilesOf() };
  };
  const percentilesOf = (): { p50: number; p99: number } => ({
    p50: latencyUs.getValueAtPercentile(50) / US_PER_MS,
    p99: latencyUs.getValueAtPercentile(99) / US_PER_MS,
  });
  const whole = async (): Promise<LoadResult> => {
    await traffic.open();
    await checkpoint('ready');
    const { shape } = spec;
    const { before, after, percentiles } = await (shape.kind === 'steady' ? steady(shape) : backlog(shape));
    const measuredMs = after.atMs - before.atMs;
    return {
      published: traffic.published,
      delivered: traffic.delivered,
      lost: traffic.undelivered,
      measured: after.delivered - before.delivered,
      measuredMs,
      latencyMs: percentiles,
      cpuMs: after.cpu - before.cpu,
      residentBytesMax,
      brokersBusy: (after.cpu - before.cpu) / measuredMs,
      generatorBusy: (after.ownCpu - before.ownCpu) / measuredMs,
      foreignBusy: Math.max(0, after.foreignCpu - before.foreignCpu) / measuredMs,
      firstMs: (firstAtMs ?? after.atMs) - before.atMs,
    };
  };
  try {
    return await Promise.race([whole(), failed]);
  } finally {
    clearInterval(sampling);
    traffic.close();
  }
}

/** Waits until everything is delivered, or until nothing more has come for so long. */
async function settled(traffic: Traffic, giveUpMs: number, pollMs = 20): Promise<void> {
  let delivered = traffic.delivered;
  let changedMs = performance.now();
  while (traffic.undelivered > 0 && performance.now() - changedMs < giveUpMs) {
    await delay(systemClock, pollMs);
    if (traffic.delivered !== delivered) changedMs = performance.now();
    delivered = traffic.delivered;
  }
}
