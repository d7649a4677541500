import { percentile } from '../figures.ts';
import type { KvClient } from './client.ts';

const MS_PER_S = 1_000;
/** As large as a lease holder's name or a shard's owner. */
const VALUE = 'x'.repeat(64);

/** Writes by so many clients at one member, each with one under way. */
export interface Steady {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export async function steadyWrites(
  client: KvClient,
  port: number,
  { writers, warmUpMs, measureMs }: { writers: number; warmUpMs: number; measureMs: number },
): Promise<Steady> {
  const latenciesMs: number[] = [];
  const fromMs = performance.now() + warmUpMs;
  const endMs = fromMs + measureMs;
  const write = async (writer: number): Promise<void> => {
    for (let startMs = performance.now(); startMs < endMs; startMs = performance.now()) {
      await client.put(port, `steady-${writer}`, VALUE);
      if (startMs >= fromMs) latenciesMs.push(performance.now() - startMs);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  const perSecond = (latenciesMs.length * MS_PER_S) / (performance.now() - fromMs);
  return { perSecond, p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99) };
}
