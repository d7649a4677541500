import type { AgreementStatus } from '../wire/index.ts';
import { count, duration, table } from './output.ts';

/** What several gateways say of how they agree. The leader knows most; else the one that has heard of the newest term. */
export function bestAgreement<T extends AgreementStatus>(statuses: readonly T[]): T | undefined {
  return statuses.toSorted((a, b) => rank(b) - rank(a) || b.term - a.term)[0];
}

function rank({ role, leader }: AgreementStatus): number {
  return (role === 'leader' ? 2 : 0) + (leader === undefined ? 0 : 1);
}

/** Who leads, and the members with their state; undefined when no gateway takes part in an agreement. */
export function agreementText(statuses: readonly AgreementStatus[]): string | undefined {
  const best = bestAgreement(statuses);
  if (best === undefined) return undefined;
  const { driver, leader, term, revision, members } = best;
  const who = leader === undefined ? 'NO LEADER: nothing can be agreed on' : `${leader} leads`;
  const rows = members.map(({ name, role, address, isUp, roundTripMs, match }) => [
    name,
    name === leader ? 'leader' : role,
    // The member that tells it is connected with all others but itself.
    isUp === undefined ? (name === leader ? 'up' : '–') : isUp ? 'up' : 'AWAY',
    roundTripMs === undefined ? '–' : duration(roundTripMs),
    match === undefined ? '–' : count(match),
    address ?? '',
  ]);
  return [
    `Agreement (${driver})  ${who}, term ${term}, revision ${count(revision)}`,
    table(['MEMBER', 'ROLE', 'STATE', 'RTT', 'LOG', 'ADDRESS'], rows),
  ].join('\n');
}

/** Why gateways take no part in what the others agree on, a line each. */
export function absences(gateways: readonly { id: string; agreement?: AgreementStatus | undefined }[]): string[] {
  return gateways.flatMap(({ id, agreement }) => {
    if (agreement?.role === 'failed')
      return [`${id} takes no part in the agreement: ${(agreement.reason ?? 'it has failed').replace(/\.$/, '')}.`];
    if (agreement?.role === 'waiting') return [`${id} takes no part in the agreement yet: no member has taken it in.`];
    return [];
  });
}
