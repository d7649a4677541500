import type { Deque } from './deque.ts';
import { type Delivery, identityOf } from './message.ts';

interface Place {
  /** Who published it: a broker and its life; empty for this broker. */
  source: string;
  sequence: number;
}

/** The order of what came with the session from another broker: before all that arrived here. */
export const ADOPTED = -1;
/** See identityOf. What answered a subscription has none of its broker's numbers, and no place among the others. */
const IDENTITY = /^(?:=|([^/]+\/[^/]+)\/)(\d+)(?:(~)|$)/;

/**
 * Puts deliveries that came with a session in front of all that was queued here, behind those that had come before, except
 * that those of one publishing broker keep their order: a session may come from several brokers, each with another part of
 * what the client missed, and bring what is still on its way here by itself.
 */
export function adoptInto(line: Deque<Delivery>, come: readonly Delivery[]): void {
  const end = line.countFront(({ order }) => order === ADOPTED);
  const least = leastArrived(line, end, come);
  const isLate = (delivery: Delivery): boolean => {
    const place = placeOf(delivery);
    return place !== undefined && place.sequence > (least.get(place.source) ?? Number.POSITIVE_INFINITY);
  };
  const late = come.filter(isLate);
  const early = late.length === 0 ? come : come.filter((delivery) => !isLate(delivery));
  for (const delivery of early) delivery.order = ADOPTED;
  const start = startOfGreater(line, end, early);
  line.replace(start, end, merge(itemsOf(line, start, end), early));
  if (late.length === 0) return;
  const arrivedAt = end + early.length;
  const arrived = merge(itemsOf(line, arrivedAt, line.size), late);
  const isNew = new Set(late);
  for (let at = 1; at < arrived.length; at++) {
    const delivery = arrived[at] as Delivery;
    // There is a smaller one before each of them.
    if (isNew.has(delivery)) delivery.order = (arrived[at - 1] as Delivery).order;
  }
  line.replace(arrivedAt, line.size, arrived);
}

/** Each that comes before the first greater one of its source, else at the end. */
function merge(present: readonly Delivery[], come: readonly Delivery[]): Delivery[] {
  const bySource = new Map<string, { sequence: number; delivery: Delivery }[]>();
  for (const delivery of come) {
    const place = placeOf(delivery);
    if (place === undefined) continue;
    const ofSource = bySource.get(place.source);
    if (ofSource === undefined) bySource.set(place.source, [{ sequence: place.sequence, delivery }]);
    else ofSource.push({ sequence: place.sequence, delivery });
  }
  const merged = new Set<Delivery>();
  for (const delivery of present) {
    const place = placeOf(delivery);
    const ofSource = (place && bySource.get(place.source)) ?? [];
    while (ofSource[0] !== undefined && place !== undefined && ofSource[0].sequence < place.sequence) {
      merged.add((ofSource.shift() as { delivery: Delivery }).delivery);
    }
    merged.add(delivery);
  }
  for (const delivery of come) merged.add(delivery);
  return [...merged];
}

function itemsOf(line: Deque<Delivery>, start: number, end: number): Delivery[] {
  return Array.from({ length: end - start }, (_, index) => line.at(start + index) as Delivery);
}

/** By source of what comes, the least that arrived here by itself: the first, since each source arrives in order. */
function leastArrived(line: Deque<Delivery>, from: number, come: readonly Delivery[]): Map<string, number> {
  const missing = new Set(come.flatMap((delivery) => placeOf(delivery)?.source ?? []));
  const least = new Map<string, number>();
  for (let at = from; at < line.size && missing.size > 0; at++) {
    const place = placeOf(line.at(at) as Delivery);
    if (place !== undefined && missing.delete(place.source)) least.set(place.source, place.sequence);
  }
  return least;
}

/** The first index below `end` at which something greater than what comes may stand. Near the end, as a rule. */
function startOfGreater(line: Deque<Delivery>, end: number, come: readonly Delivery[]): number {
  const firsts = new Map<string, number>();
  for (const delivery of come) {
    const place = placeOf(delivery);
    if (place !== undefined && !firsts.has(place.source)) firsts.set(place.source, place.sequence);
  }
  let start = end;
  for (let at = end - 1; at >= 0 && firsts.size > 0; at--) {
    const place = placeOf(line.at(at) as Delivery);
    const first = place && firsts.get(place.source);
    if (place === undefined || first === undefined) continue;
    if (place.sequence < first) firsts.delete(place.source);
    else start = at;
  }
  return start;
}

function placeOf(delivery: Delivery): Place | undefined {
  const [, source = '', digits, isShared] = IDENTITY.exec(identityOf(delivery)) ?? [];
  if (digits === undefined) return undefined;
  // The number of a delivery that is not for a share is twice that of its message; see deliveryIdOf.
  return { source, sequence: isShared === undefined ? Number(digits) : Number(digits) * 2 };
}
