import { zoneOffsetNs } from '../time-zone.ts';

export interface WindowSpec {
  intervalNs: bigint;
  offsetNs: bigint;
  timeZone: string | undefined;
}

const NS_PER_HOUR = 3_600_000_000_000n;

/** Where the window of a stamp starts. Windows follow the clocks of the zone, so a day starts at its midnight. */
export function windowStart(spec: WindowSpec, timeNs: bigint): bigint {
  const { intervalNs, offsetNs, timeZone } = spec;
  const zone = timeZone === undefined ? 0n : zoneOffsetNs(timeZone, timeNs);
  const start = timeNs - modulo(timeNs + zone - offsetNs, intervalNs);
  if (timeZone === undefined) return start;
  // The clocks may have been changed within the window.
  const change = zone - zoneOffsetNs(timeZone, start);
  return (change < 0n ? -change : change) < intervalNs ? start + change : start;
}

/** The start of the window after the one that starts here. */
export function nextWindow(spec: WindowSpec, startNs: bigint): bigint {
  const next = windowStart(spec, startNs + spec.intervalNs);
  // A day of 25 hours ends an hour later than its length says.
  return next > startNs ? next : windowStart(spec, startNs + spec.intervalNs + 2n * NS_PER_HOUR);
}

function modulo(value: bigint, divisor: bigint): bigint {
  const rest = value % divisor;
  return rest < 0n ? rest + divisor : rest;
}
