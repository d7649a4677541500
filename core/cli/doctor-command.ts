import { resolve } from 'node:path';
import { ERROR_CODES, type ErrorCode, EXIT } from '../errors/index.ts';
import { loadEndpoints } from '../mesh/index.ts';
import { systemClock } from '../time/index.ts';
import { type ProbeResult, probePaths } from './doctor.ts';
import { table } from './output.ts';

export interface DoctorOptions {
  data: string;
  timeoutS: number;
  json: boolean;
}

/** Sends a marked reading over every path and says where one stopped. Exit code 1 when one did. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const results = await probePaths(loadEndpoints(resolve(options.data)), systemClock, options.timeoutS * 1000);
  const ok = results.every((result) => result.ok);
  process.stdout.write(options.json ? `${JSON.stringify({ ok, paths: results })}\n` : `${doctorText(results)}\n`);
  return ok ? EXIT.ok : EXIT.failed;
}

function doctorText(results: readonly ProbeResult[]): string {
  const rows = results.map(({ broker, gateway, ok, hop, reason, tookMs }) => [
    broker,
    gateway,
    ok ? 'passed' : `STOPPED at ${hop}`,
    ok ? `${Math.round(tookMs)} ms` : (reason ?? ''),
  ]);
  const lines = [table(['FROM', 'BY', 'RESULT', ''], rows)];
  const codes = new Set(results.flatMap(({ code }) => (code === undefined ? [] : [code as ErrorCode])));
  for (const code of codes) lines.push(`${code}: ${ERROR_CODES[code].what} ${ERROR_CODES[code].remedy}`);
  if (results.every(({ ok }) => ok))
    lines.push('Every path works: broker, rights, link, gateway, store, dashboard query.');
  return lines.join('\n');
}
