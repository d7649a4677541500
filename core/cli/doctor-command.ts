import { resolve } from 'node:path';
import { ERROR_CODES, type ErrorCode, EXIT } from '../errors/index.ts';
import { type Endpoints, loadEndpoints } from '../mesh/index.ts';
import { systemClock } from '../time/index.ts';
import { clockFaults, type GatewayStatus } from '../wire/index.ts';
import { absences, bestAgreement } from './agreement-table.ts';
import { type ProbeResult, probePaths } from './doctor.ts';
import { gatewayStatus } from './gateway-api.ts';
import { table } from './output.ts';

export interface DoctorOptions {
  data: string;
  timeoutS: number;
  json: boolean;
}

/**
 * Sends a marked reading over every path and says where one stopped. Exit code 1 when one did, the gateways cannot agree, or one has a
 * clock that cannot be relied on.
 */
export async function doctor(options: DoctorOptions): Promise<number> {
  const endpoints = loadEndpoints(resolve(options.data));
  const [results, statuses] = await Promise.all([
    probePaths(endpoints, systemClock, options.timeoutS * 1000),
    gatewayStatuses(endpoints),
  ]);
  const agreement = agreementFaults(statuses);
  const time = clockFaults(statuses).map(({ text }) => `${text}; see \`lattice time\`.`);
  const ok = results.every((result) => result.ok) && agreement.length === 0 && time.length === 0;
  const text = [doctorText(results), ...agreement, ...time].join('\n');
  process.stdout.write(options.json ? `${JSON.stringify({ ok, paths: results, agreement, time })}\n` : `${text}\n`);
  return ok ? EXIT.ok : EXIT.failed;
}

/** Of those that answer; the others are named by the paths through them. */
async function gatewayStatuses(endpoints: Endpoints): Promise<GatewayStatus[]> {
  const answers = await Promise.allSettled(endpoints.gateways.map((gateway) => gatewayStatus(endpoints, gateway)));
  return answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
}

/** What keeps the gateways from agreeing, in words. */
function agreementFaults(statuses: readonly GatewayStatus[]): string[] {
  const faults = absences(statuses);
  const best = bestAgreement(statuses.flatMap(({ agreement }) => agreement ?? []));
  if (best !== undefined && best.leader === undefined) {
    const { what, remedy } = ERROR_CODES.COORDINATION_UNAVAILABLE;
    faults.unshift(`The gateways have no leader. COORDINATION_UNAVAILABLE: ${what} ${remedy}`);
  }
  return faults;
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
