import { clockFaults, clockRows, masterOf, type NamedClock, timeReferenceSchema } from '../../../core/wire/index.ts';
import type { TimeOverview } from './types.ts';

/** How the clocks of the gateways that answer go; null when none takes part in the time of the mesh. */
export function timeOf(clocks: readonly NamedClock[]): TimeOverview | null {
  const rows = clockRows(clocks);
  if (rows.length === 0) return null;
  const master = masterOf(clocks);
  return {
    master: master === undefined ? null : { id: master.id, term: master.time.term, round: master.time.round },
    reference: timeReferenceSchema.safeParse(master?.time.reference).data ?? null,
    rows,
    faults: clockFaults(clocks),
  };
}
