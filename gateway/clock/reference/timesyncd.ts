import type { Clock } from '../../../core/time/index.ts';
import type { Discipline } from './discipline.ts';
import type { RunCommand } from './run-command.ts';

/** Linux calls its clock unsynchronised once its worst error, which grows by 500 ppm, has come to so much (NTP_PHASE_LIMIT). */
const KERNEL_UNCERTAINTY_MS = 16_000;
/** A crystal that nothing has corrected since. */
const DRIFT_PPM = 100;
/** Touched at each synchronisation, see systemd-timesyncd.service(8). */
const SYNCHRONISED_FILE = '/run/systemd/timesync/synchronized';

const UNIT_MS: Record<string, number> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * What systemd knows. timesyncd tells its last exchange, and when it was, from which a bound follows. Where something else set the
 * clock, systemd only tells that the kernel holds it to be synchronised, and that bounds the error by 16 s and no better.
 */
export async function askTimesyncd(run: RunCommand, clock: Clock): Promise<Discipline | { unavailable: string }> {
  const shown = await run('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  if ('failed' in shown) return { unavailable: shown.failed };
  if (shown.stdout.trim() !== 'yes') return { refused: 'systemd says that the clock is not synchronised' };
  const touched = await run('stat', ['--format=%Y', SYNCHRONISED_FILE]);
  const status = await run('timedatectl', ['timesync-status', '--no-pager']);
  if ('failed' in touched || 'failed' in status) {
    return { source: 'kernel, synchronised', stratum: undefined, uncertaintyMs: KERNEL_UNCERTAINTY_MS };
  }
  const ageMs = Math.max(0, clock.wallMs() - Number(touched.stdout) * 1_000);
  return parseTimesyncStatus(status.stdout, ageMs);
}

/**
 * `timedatectl timesync-status`, ageMs after the last synchronisation. The clock was off by Offset then, is slewed towards it at a rate
 * that is not told, and drifts; the reply itself may have been wrong by half of Delay, and the server by the Root distance.
 */
export function parseTimesyncStatus(text: string, ageMs: number): Discipline {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  if (fields.get('Packet count') === '0') return { refused: 'timesyncd has had no answer yet' };
  if (fields.get('Leap') === 'not synchronized') return { refused: "timesyncd's server is not synchronised" };
  const server = fields.get('Server') ?? '';
  const stratum = Number(fields.get('Stratum') ?? NaN);
  const distanceMs = timeSpanMs(fields.get('Root distance'));
  const offsetMs = timeSpanMs(fields.get('Offset')?.replace(/^[+-]/, ''));
  const delayMs = timeSpanMs(fields.get('Delay'));
  const uncertaintyMs = offsetMs + delayMs / 2 + distanceMs + (ageMs * DRIFT_PPM) / 1e6;
  if (!Number.isInteger(stratum) || !Number.isFinite(uncertaintyMs)) {
    return { refused: 'timedatectl timesync-status lacks what the uncertainty is reckoned from' };
  }
  // The stratum is the server's; the machine stands one below.
  return { source: `timesyncd ${server}`, stratum: stratum + 1, uncertaintyMs };
}

/** systemd.time(7), as far as it is printed: `1min 4s`, `24.042ms`, `0`; what follows in brackets is not read. NaN if it is none. */
function timeSpanMs(text: string | undefined): number {
  const span = (text ?? '').replace(/\(.*$/, '').trim();
  if (span === '0') return 0;
  let totalMs = span === '' ? NaN : 0;
  for (const part of span.split(/\s+/)) {
    const [, amount, unit = ''] = /^([\d.]+)([a-z]+)$/.exec(part) ?? [];
    totalMs += Number(amount) * (UNIT_MS[unit] ?? NaN);
  }
  return totalMs;
}
