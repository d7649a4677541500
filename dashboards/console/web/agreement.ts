import type { GatewayRow } from '../model/types.ts';
import { byId, setAttribute, setText } from './dom.ts';

type Agreement = NonNullable<NonNullable<GatewayRow['status']>['agreement']>;

/** Under the map: who leads, in which term, and what each member is. */
export function renderAgreement(gateways: readonly GatewayRow[]): void {
  const box = byId('agreement');
  const told = gateways.flatMap(({ state, status }) => (state === 'up' && status?.agreement ? [status.agreement] : []));
  // The leader knows most; of the others the one that has heard of the newest term.
  const best = told.toSorted((a, b) => rank(b) - rank(a) || b.term - a.term)[0];
  box.hidden = best === undefined;
  if (best === undefined) return;
  const { leader, term, members } = best;
  const who = leader === undefined ? 'No gateway leads' : `${leader} leads`;
  const parts = members.map((member) => `${member.name} ${stateOf(member, leader, gateways)}`);
  setAttribute(box, 'data-tone', leader === undefined ? 'bad' : 'ok');
  setText(box, [`${who}, term ${term}`, ...parts].join(' · '));
}

function rank({ role, leader }: Agreement): number {
  return (role === 'leader' ? 2 : 0) + (leader === undefined ? 0 : 1);
}

function stateOf(
  { name, role, isUp }: Agreement['members'][number],
  leader: string | undefined,
  gateways: readonly GatewayRow[],
): string {
  if (name === leader) return 'leader';
  const own = gateways.find(({ id }) => id === name);
  if (own?.state === 'down' || isUp === false) return 'away';
  if (own?.status?.agreement?.role === 'failed') return 'failed';
  return role === 'learner' ? 'learner' : 'follower';
}
