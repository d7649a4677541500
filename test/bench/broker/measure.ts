import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { delay, systemClock } from '../../../core/time/index.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import type { Case, Contender } from './cases.ts';
import type { Sample } from './figures.ts';
import { generate } from './generator.ts';
import type { LoadResult, LoadSpec } from './load/spec.ts';
import { ACCOUNT, type Route } from './side.ts';

/** How long and how much; --quick takes less of both. */
export interface Extent {
  warmUpMs: number;
  measureMs: number;
  /** Of a backlog, and of the run in which bytes are counted. */
  messages: number;
}

export interface Round {
  sample: Sample;
  /** Who used the processor, in cores; see LoadResult. */
  busy: Pick<LoadResult, 'brokersBusy' | 'generatorBusy' | 'foreignBusy'>;
}

const BYTES_PER_MB = 1024 * 1024;
const US_PER_MS = 1_000;
const MS_PER_S = 1_000;
/** After the last delivery its acknowledgement is still to cross the link. */
const LAST_ACK_MS = 300;

/** Measures one contender once, with fresh brokers in a folder of their own below the one given. */
export async function measure(the: Case, { open }: Contender, extent: Extent, parent: string): Promise<Round> {
  const folder = await mkdtemp(join(parent, 'lattice-bench-broker-'));
  const proxies: FaultProxy[] = [];
  const route: Route = async (port) => {
    // A proxy costs processor time, so it is there only when it is needed.
    if (the.kind === 'steady') return port;
    const proxy = await FaultProxy.open(port);
    proxies.push(proxy);
    return proxy.port;
  };
  try {
    const brokers = await open(folder, route);
    try {
      const { publishPort, subscribePort, pids } = brokers;
      const { warmUpMs, measureMs, messages } = extent;
      const shape: LoadSpec['shape'] =
        the.kind === 'steady' ? { kind: 'steady', warmUpMs, measureMs } : { kind: 'backlog', messages };
      const spec = { ...the.load, ...ACCOUNT, publishPort, subscribePort, pids, shape, seed: the.name };
      return await run(the, spec, proxies[0]);
    } finally {
      await brokers.stop();
    }
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function run({ kind }: Case, spec: LoadSpec, proxy: FaultProxy | undefined): Promise<Round> {
  let bytesBefore = 0;
  const result = await generate(spec, {
    ready: () => {
      bytesBefore = proxy?.bytes ?? 0;
      if (kind === 'backlog') proxy?.cut();
    },
    published: () => {
      if (kind === 'backlog') proxy?.mend();
    },
  });
  if (kind !== 'wire') return { sample: sampleOf(result), busy: result };
  await delay(systemClock, LAST_ACK_MS);
  const wireBytes = ((proxy?.bytes ?? 0) - bytesBefore) / result.delivered;
  return { sample: { wireBytes, lost: result.lost }, busy: result };
}

function sampleOf(result: LoadResult): Sample {
  const { measured, measuredMs, firstMs, latencyMs, residentBytesMax } = result;
  if (measured === 0) throw new Error(`Nothing was delivered in ${Math.round(measuredMs)} ms.`);
  return {
    perSecond: (measured * MS_PER_S) / measuredMs,
    cpuUs: (result.cpuMs * US_PER_MS) / measured,
    p50Ms: latencyMs.p50,
    p99Ms: latencyMs.p99,
    residentMb: residentBytesMax / BYTES_PER_MB,
    drainS: measuredMs / MS_PER_S,
    drainPerSecond: (measured * MS_PER_S) / Math.max(1, measuredMs - firstMs),
    lost: result.lost,
  };
}
