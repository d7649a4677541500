import type { Discipline } from './discipline.ts';
import type { RunCommand } from './run-command.ts';

/** `local` mode: chronyd follows the clock that it sets. */
const REFID_LOCAL = '7F7F0101';
const FIELDS = 14;

/** `unavailable`, with the reason, when no chronyd answers here. */
export async function askChrony(run: RunCommand): Promise<Discipline | { unavailable: string }> {
  // -n: an address, without waiting for the resolver.
  const outcome = await run('chronyc', ['-n', '-c', 'tracking']);
  return 'failed' in outcome ? { unavailable: outcome.failed } : parseTracking(outcome.stdout);
}

/**
 * `chronyc -c tracking`: refid, address, stratum, reference time, system time, last offset, RMS offset, frequency, residual frequency,
 * skew, root delay, root dispersion, update interval, leap status; times in s. chronyc(1) bounds the error by the root dispersion, half
 * the root delay and what is left to correct (system time); the last offset is added, since it shows how far the clock strayed
 * within one update.
 */
export function parseTracking(csv: string): Discipline {
  const fields = csv.trim().split(',');
  if (fields.length !== FIELDS) return { refused: `chronyc tracking gave ${fields.length} fields and not ${FIELDS}` };
  const [refid, address, stratum, , systemTime, lastOffset, , , , , rootDelay, rootDispersion, , leap] = fields;
  if (leap === 'Not synchronised') return { refused: 'chronyd is not synchronised' };
  if (refid === REFID_LOCAL) return { refused: 'chronyd follows its own clock (local), and no reference' };
  const numbers = [stratum, systemTime, lastOffset, rootDelay, rootDispersion].map(numberOf);
  const [stratumNumber = NaN, leftS = NaN, lastOffsetS = NaN, rootDelayS = NaN, rootDispersionS = NaN] = numbers;
  const uncertaintyMs = (rootDispersionS + rootDelayS / 2 + Math.abs(leftS) + Math.abs(lastOffsetS)) * 1_000;
  if (!Number.isInteger(stratumNumber) || !Number.isFinite(uncertaintyMs)) {
    return { refused: 'chronyc tracking gave something that is no number' };
  }
  return { source: `chrony ${address || refid}`, stratum: stratumNumber, uncertaintyMs };
}

function numberOf(field: string | undefined): number {
  return field === undefined || field.trim() === '' ? NaN : Number(field);
}
