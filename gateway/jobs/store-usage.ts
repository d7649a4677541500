import { LatticeError } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { Point } from '../../core/wire/index.ts';
import type { FencedStore } from '../store/index.ts';
import type { Job } from './types.ts';

export interface StoreUsageOptions {
  schedule: string;
  site: string;
  store: FencedStore;
  clock: Clock;
}

const MEASUREMENT = 'lattice_store';
const NS_PER_MS = 1_000_000n;

/** Writes what the store holds into the store, as the leader that it is fenced for. */
export function storeUsageJob({ schedule, site, store, clock }: StoreUsageOptions): Job {
  return {
    name: 'store-usage',
    schedule,
    async run({ fence, signal }) {
      const { series, measurements, bytes, pointsWritten } = await store.usage(signal);
      const point: Point = {
        measurement: MEASUREMENT,
        tags: { site },
        fields: {
          series: BigInt(series),
          measurements: BigInt(measurements),
          bytes: BigInt(bytes),
          points_written: BigInt(pointsWritten),
        },
        timeNs: BigInt(Math.round(clock.wallMs())) * NS_PER_MS,
      };
      const { rejected } = await store.writeFenced(fence, [point], signal);
      if (rejected[0] !== undefined) throw new LatticeError('STORE_REJECTED', `${rejected[0].reason}.`);
      return `${series} series, ${bytes} bytes`;
    },
  };
}
