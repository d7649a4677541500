import { messageOf } from '../errors/index.ts';
import type { Endpoints } from '../mesh/index.ts';
import type { Clock } from '../time/index.ts';
import { type ClockStatus, masterOf } from '../wire/index.ts';
import { gatewayTime } from './gateway-api.ts';

/** What a gateway answered of its clock, and when by our own monotonic clock: it read its clock somewhere in between. */
export interface AskedClock {
  id: string;
  askedMs: number;
  answeredMs: number;
  /** Undefined when the gateway takes no part. */
  time?: ClockStatus | undefined;
  /** Why it did not answer. */
  failure?: string;
}

/** Asks every gateway, all at once, so that what they say can be compared. */
export async function askClocks(endpoints: Endpoints, clock: Clock): Promise<AskedClock[]> {
  return Promise.all(
    endpoints.gateways.map(async (gateway): Promise<AskedClock> => {
      const { id } = gateway;
      const askedMs = clock.monotonicMs();
      try {
        const time = await gatewayTime(endpoints, gateway);
        return { id, askedMs, answeredMs: clock.monotonicMs(), time };
      } catch (error) {
        return { id, askedMs, answeredMs: clock.monotonicMs(), failure: messageOf(error) };
      }
    }),
  );
}

/** Mesh time ahead of our monotonic clock, by what one gateway says: it lies between the two. */
interface Interval {
  id: string;
  fromMs: number;
  toMs: number;
}

/** Pairs of gateways of which one must be wrong: what they say of the time has no moment in common, network and uncertainty allowed for. */
export function contradictions(asked: readonly AskedClock[]): [string, string][] {
  const intervals = asked.flatMap((clock) => intervalOf(clock) ?? []);
  return intervals.flatMap((one, index) =>
    intervals
      .slice(index + 1)
      .filter((other) => one.fromMs > other.toMs || other.fromMs > one.toMs)
      .map((other): [string, string] => [one.id, other.id]),
  );
}

export interface MeshNow {
  ms: number;
  /** With what the way from the gateway adds. */
  uncertaintyMs: number;
  kind: ClockStatus['kind'];
  /** Whose clock it is: the master's, or the least uncertain one where none answers. */
  by: string;
}

/** Mesh time at a moment of our monotonic clock; undefined while no gateway that answers is synchronised. */
export function meshNow(asked: readonly AskedClock[], nowMs: number): MeshNow | undefined {
  const master = masterOf(asked);
  const known = asked.flatMap((clock) => {
    const interval = intervalOf(clock);
    return interval === undefined ? [] : [{ ...interval, clock }];
  });
  const best =
    known.find(({ id }) => id === master?.id) ?? known.toSorted((a, b) => a.toMs - a.fromMs - (b.toMs - b.fromMs))[0];
  if (best === undefined) return undefined;
  const { id, fromMs, toMs, clock } = best;
  return {
    ms: nowMs + (fromMs + toMs) / 2,
    uncertaintyMs: (toMs - fromMs) / 2,
    kind: clock.time?.kind ?? 'none',
    by: id,
  };
}

function intervalOf({ id, askedMs, answeredMs, time }: AskedClock): Interval | undefined {
  if (time?.uncertaintyMs === undefined || time.kind === 'none') return undefined;
  return { id, fromMs: time.ms - time.uncertaintyMs - answeredMs, toMs: time.ms + time.uncertaintyMs - askedMs };
}
