import type { ClockMemberStatus, ClockStatus } from './clock-status.ts';

/** A gateway with what it tells of its clock; nothing when it takes no part, as one of an older version. */
export interface NamedClock {
  id: string;
  time?: ClockStatus | undefined;
}

/** What the master knows of a clock by measuring it. */
type Measured = Partial<Pick<ClockMemberStatus, 'path' | 'roundTripMsMin' | 'samples' | 'verdict'>>;

/** One gateway's clock, by its own word and by what its master has measured of it. */
export interface ClockRow extends Measured {
  id: string;
  isMaster: boolean;
  kind: ClockStatus['kind'];
  /** Measured by the master where it has; else what the clock itself has still to catch up. */
  behindMs: number;
  /** Undefined while nothing is known. */
  uncertaintyMs: number | undefined;
  frequencyPpm: number;
  isAlarmed: boolean;
  /** By reason, of those that are not 0: what it refused, and what the master could not use of its probes. */
  refused: Record<string, number>;
}

/** Whether a gateway is the master by its own word. */
export function isMaster({ id, time }: NamedClock): boolean {
  return time?.master === id;
}

/** The gateway that is the master; of two that say so, as around a change of leader, the one of the later term. */
export function masterOf<T extends NamedClock>(clocks: readonly T[]): (T & { time: ClockStatus }) | undefined {
  return withTime(clocks)
    .filter(isMaster)
    .toSorted((a, b) => b.time.term - a.time.term)[0];
}

/** The row of each gateway that takes part. */
export function clockRows(clocks: readonly NamedClock[]): ClockRow[] {
  const master = masterOf(clocks);
  return withTime(clocks).map(({ id, time }) => {
    const measured = id === master?.id ? undefined : master?.time.members.find(({ name }) => name === id);
    const { path, roundTripMsMin, samples, verdict, impossible = 0, contradictions = 0 } = measured ?? {};
    return {
      id,
      isMaster: id === master?.id,
      kind: time.kind,
      behindMs: measured?.behindMs ?? time.behindMs,
      uncertaintyMs: time.uncertaintyMs,
      frequencyPpm: time.frequencyPpm,
      isAlarmed: time.isAlarmed,
      refused: notNought({ ...time.refused, impossible, contradictions }),
      ...(path && { path }),
      ...(verdict && { verdict }),
      ...(roundTripMsMin !== undefined && { roundTripMsMin }),
      ...(samples !== undefined && { samples }),
    };
  });
}

export interface ClockFault {
  id: string;
  fault: 'unsynchronised' | 'alarmed' | 'apart';
  /** For a person, without a full stop. */
  text: string;
}

/** What is wrong with the clocks of those that take part. */
export function clockFaults(clocks: readonly NamedClock[]): ClockFault[] {
  const limits = new Map(withTime(clocks).map(({ id, time }) => [id, time.uncertaintyMsMax]));
  return clockRows(clocks).flatMap(({ id, kind, isAlarmed, uncertaintyMs, verdict }) => {
    if (kind === 'none') return [{ id, fault: 'unsynchronised', text: `${id}'s clock is not synchronised` }];
    const faults: ClockFault[] = [];
    if (isAlarmed) {
      const how = uncertaintyMs === undefined ? 'nobody knows how far' : `by up to ${rounded(uncertaintyMs)} ms`;
      const text = `${id}'s clock may be wrong ${how}; ${rounded(limits.get(id) ?? 0)} ms are allowed`;
      faults.push({ id, fault: 'alarmed', text });
    }
    if (verdict === 'apart') faults.push({ id, fault: 'apart', text: `${id}'s clock disagrees with the others` });
    return faults;
  });
}

function withTime<T extends NamedClock>(clocks: readonly T[]): (T & { time: ClockStatus })[] {
  return clocks.filter((clock): clock is T & { time: ClockStatus } => clock.time !== undefined);
}

function notNought(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

/** Three digits that count. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
