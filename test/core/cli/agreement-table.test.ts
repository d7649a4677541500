import { describe, expect, it } from 'vitest';
import { absences, agreementText, bestAgreement } from '../../../core/cli/agreement-table.ts';
import type { AgreementStatus } from '../../../core/wire/index.ts';

const follower: AgreementStatus = {
  driver: 'raft',
  role: 'follower',
  leader: 'g1',
  term: 3,
  revision: 9,
  members: [
    { name: 'g1', role: 'voter', isUp: true, roundTripMs: 1.2 },
    { name: 'g2', role: 'voter' },
    { name: 'g3', role: 'learner', isUp: false },
  ],
};
const leader: AgreementStatus = { ...follower, role: 'leader', revision: 10 };
const { leader: _, ...without } = follower;
const candidate: AgreementStatus = { ...without, role: 'candidate', term: 8 };

describe('what is told of the agreement', () => {
  it('comes from the leader, else from whoever knows one, though another has a newer term', () => {
    expect(bestAgreement([candidate, follower, leader])).toBe(leader);
    expect(bestAgreement([candidate, follower])).toBe(follower);
    expect(bestAgreement([])).toBeUndefined();
  });

  it('names the leader, the term, and the state of each member', () => {
    const text = agreementText([follower]) as string;
    expect(text).toContain('g1 leads, term 3, revision 9');
    expect(text).toMatch(/^g1 +leader +up +1\.2 ms/m);
    expect(text).toMatch(/^g3 +learner +AWAY/m);
  });

  it('says that nobody leads, and why a gateway takes no part', () => {
    expect(agreementText([candidate])).toContain('NO LEADER');
    const failed: AgreementStatus = { ...candidate, role: 'failed', reason: 'Its log is damaged' };
    expect(absences([{ id: 'g2', agreement: failed }, { id: 'g1', agreement: leader }, { id: 'g0' }])).toEqual([
      'g2 takes no part in the agreement: Its log is damaged.',
    ]);
  });
});
