import type { Association, NtpEstimate } from '../ntp/index.ts';
import { type Agreement, agreementOf } from './intersection.ts';
import type { ReferenceFault, ServerState, ServerStatus } from './types.ts';

/** One of the NTP servers, as far as it is judged. */
export interface JudgedServer {
  /** host:port as configured; its own. */
  name: string;
  association: Association;
  /** The network's side: IP address and port, and what the system last said against it. */
  poller: { address: string | undefined; trouble: string | undefined };
}

/** What the servers say together at one moment. */
export interface Verdict {
  estimates: Map<JudgedServer, NtpEstimate>;
  agreement: Agreement;
  /** What they agree on may be followed. */
  isFollowed: boolean;
  fault: ReferenceFault | undefined;
}

/** Until every server has answered or had its chance to, nothing is followed: one that lies might be the majority. */
export function verdictOf(servers: readonly JudgedServer[], serversMin: number, nowMs: number): Verdict {
  const estimates = new Map<JudgedServer, NtpEstimate>();
  for (const server of servers) {
    const estimate = server.association.estimate(nowMs);
    if (estimate !== undefined) estimates.set(server, estimate);
  }
  const agreement = agreementOf([...estimates].map(([{ name }, estimate]) => ({ source: name, ...estimate })));
  if (servers.some(isStarting)) return { estimates, agreement, isFollowed: false, fault: undefined };
  const fault = tooFew(servers, estimates, serversMin) ?? disagreement(estimates, agreement);
  return { estimates, agreement, isFollowed: fault === undefined, fault };
}

export function statusOf(server: JudgedServer, { estimates, agreement, isFollowed }: Verdict): ServerStatus {
  const { association, name } = server;
  if (!estimates.has(server)) {
    if (association.kissCode !== undefined) return 'kiss';
    if (association.lastRefusal !== undefined) return 'refused';
    return isStarting(server) ? 'starting' : 'unreachable';
  }
  if (!isFollowed || agreement.kind !== 'agreed') return 'undecided';
  return agreement.falsetickers.includes(name) ? 'falseticker' : 'selected';
}

export function serverStateOf(server: JudgedServer, verdict: Verdict): ServerState {
  const { name, association, poller } = server;
  const { agreement } = verdict;
  const estimate = verdict.estimates.get(server);
  const trouble = association.lastRefusal ?? poller.trouble;
  return {
    name,
    ...(poller.address !== undefined && { address: poller.address }),
    status: statusOf(server, verdict),
    reach: association.reach,
    ...(estimate !== undefined && {
      stratum: estimate.stratum,
      refid: estimate.refid,
      delayMs: estimate.delayMs,
      rootDistanceMs: estimate.uncertaintyMs,
      ...(agreement.kind === 'agreed' && { offsetMs: estimate.offsetMs - agreement.offsetMs }),
    }),
    ...(association.kissCode !== undefined && { kissCode: association.kissCode }),
    ...(trouble !== undefined && { trouble }),
    pollMs: association.waitMs,
    rejected: { ...association.rejected },
  };
}

/** It has neither given a sample nor had time enough for one. */
function isStarting({ association, poller }: JudgedServer): boolean {
  if (association.reach !== 0 || association.isEnded) return false;
  return association.isInBurst && association.lastRefusal === undefined && poller.trouble === undefined;
}

function tooFew(
  servers: readonly JudgedServer[],
  estimates: Verdict['estimates'],
  serversMin: number,
): ReferenceFault | undefined {
  if (estimates.size >= serversMin) return undefined;
  const reasons = servers.filter((it) => !estimates.has(it)).map((it) => `${it.name}: ${whyNot(it)}`);
  const count = `${estimates.size} of ${servers.length} time servers can be used, at least ${serversMin} must`;
  return { code: 'TIME_REFERENCE_UNREACHABLE', detail: `${count}. ${reasons.join('; ')}.` };
}

function disagreement(estimates: Verdict['estimates'], agreement: Agreement): ReferenceFault | undefined {
  if (agreement.kind !== 'disagreement') return undefined;
  const fromEarliest = [...estimates].sort(([, a], [, b]) => a.offsetMs - b.offsetMs);
  const earliestMs = fromEarliest[0]?.[1].offsetMs ?? 0;
  const said = fromEarliest.map(
    ([{ name }, it]) => `${name} is ${(it.offsetMs - earliestMs).toFixed(3)} ± ${it.uncertaintyMs.toFixed(3)} ms`,
  );
  return { code: 'TIME_REFERENCE_DISAGREEMENT', detail: `Against the earliest: ${said.join(', ')}.` };
}

function whyNot({ association, poller }: JudgedServer): string {
  const { kissCode, lastRefusal } = association;
  if (kissCode !== undefined) return `kiss-o'-death ${kissCode}`;
  return lastRefusal ?? poller.trouble ?? (association.reach === 0 ? 'no answer' : 'too far from UTC');
}
