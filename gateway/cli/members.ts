import { z } from 'zod';
import { agreementText, bestAgreement } from '../../core/cli/agreement-table.ts';
import { EXIT, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { AgreementStatus } from '../../core/wire/index.ts';
import type { MemberChange } from '../consensus/index.ts';
import {
  GatewaysCaller,
  membersAnswerSchema,
  type StatusAnswer,
  statusAnswerSchema,
} from '../coordination/drivers/http/index.ts';
import { entered } from './operator-ledger.ts';
import { DEPS, openSite, printJson, type Site, type SiteOptions } from './site.ts';

/** A learner may have to be sent everything, and an election may come in between. */
const CHANGE_TIMEOUT_MS = 15_000;
const STATUS_TIMEOUT_MS = 3_000;

interface NamedOptions extends SiteOptions {
  name: string;
}

/** Prints the members of the group and who leads. Exit code 1 when nobody does. */
export async function listMembers(options: SiteOptions): Promise<number> {
  const { target } = openSite(options);
  const answers = await Promise.allSettled(
    target.gateways.map((gateway) =>
      new GatewaysCaller({ ...target, gateways: [gateway] }, DEPS).call(
        { method: 'GET', path: 'status', kind: 'read' },
        statusAnswerSchema,
        { timeoutMs: STATUS_TIMEOUT_MS },
      ),
    ),
  );
  const statuses = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
  if (statuses.length === 0) {
    const reasons = answers.map((answer) => (answer.status === 'rejected' ? messageOf(answer.reason) : ''));
    throw new LatticeError('UNREACHABLE', reasons.join(' '));
  }
  const best = bestAgreement(statuses) as StatusAnswer;
  if (options.json) printJson(best);
  else process.stdout.write(`${agreementText(statuses)}\n`);
  return best.leader === undefined ? EXIT.failed : EXIT.ok;
}

export async function addMember(options: NamedOptions & { address: string; learner: boolean }): Promise<number> {
  const { name, address, learner } = options;
  const role = learner ? 'learner' : 'voter';
  const change: MemberChange = { change: 'add', name, address, role };
  return changeMembers(options, 'gateway.add', { name, address, role }, () => change);
}

export async function promoteMember(options: NamedOptions): Promise<number> {
  const { name } = options;
  return changeMembers(options, 'gateway.promote', { name }, (members) => {
    const member = members.find((each) => each.name === name);
    if (member?.role !== 'learner' || member.address === undefined) {
      const what = member === undefined ? 'no member of this group' : `a ${member.role} already`;
      throw new LatticeError('MEMBER_CHANGE_REFUSED', `${name} is ${what}.`);
    }
    return { change: 'add', name, address: member.address, role: 'voter' };
  });
}

export async function removeMember(options: NamedOptions): Promise<number> {
  const { name } = options;
  return changeMembers(options, 'gateway.remove', { name }, () => ({ change: 'remove', name }));
}

/** Resolves when the other leads. */
export async function transferLead({ name, ...options }: NamedOptions): Promise<number> {
  const site = openSite(options);
  await entered(site, { act: 'gateway.transfer', details: { name } }, () =>
    site.caller.call({ method: 'POST', path: 'members/transfer', body: { name }, kind: 'once' }, z.unknown(), {
      timeoutMs: CHANGE_TIMEOUT_MS,
    }),
  );
  if (options.json) printJson({ leader: name });
  else process.stdout.write(`${name} leads.\n`);
  return EXIT.ok;
}

async function changeMembers(
  options: SiteOptions,
  act: string,
  details: Record<string, string>,
  changeOf: (members: AgreementStatus['members']) => MemberChange,
): Promise<number> {
  const site = openSite(options);
  const change = changeOf(await membersOf(site));
  const { members } = await entered(site, { act, details }, () =>
    site.caller.call(
      { method: 'POST', path: 'members', body: { changes: [change] }, kind: 'once' },
      membersAnswerSchema,
      { timeoutMs: CHANGE_TIMEOUT_MS },
    ),
  );
  if (options.json) printJson({ members });
  else process.stdout.write(`The members are ${members.map(({ name, role }) => `${name} (${role})`).join(', ')}.\n`);
  return EXIT.ok;
}

async function membersOf({ caller }: Site): Promise<AgreementStatus['members']> {
  return (await caller.call({ method: 'GET', path: 'status', kind: 'read' }, statusAnswerSchema)).members;
}
