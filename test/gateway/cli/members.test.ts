import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { CliSite } from './site.ts';

let site: CliSite;
beforeAll(async () => {
  site = await CliSite.start();
});
afterAll(() => site?.stop());

describe('lattice gateway and lattice audit', () => {
  it('adds a learner, promotes it and removes it, hands the lead over, and enters each in the ledger', async () => {
    const { raft } = site.gateways;
    await raft.startMember('gateway-4');
    const added = await site.run(`gateway add gateway-4 ${raft.addressOf('gateway-4')} --learner --json`);
    expect(JSON.parse(added.stdout).members).toContainEqual(
      expect.objectContaining({ name: 'gateway-4', role: 'learner' }),
    );
    await eventually(() => expect(raft.member('gateway-4').group.status?.leader).toBeDefined(), 15_000);
    expect((await site.run('gateway promote gateway-4')).stdout).toContain('gateway-4 (voter)');
    const heir = ['gateway-1', 'gateway-2'].find((name) => raft.member(name).group.status?.leader !== name) as string;
    expect(await site.run(`gateway transfer ${heir}`)).toMatchObject({ code: 0, stdout: `${heir} leads.\n` });
    await eventually(async () => expect((await raft.leader()).name).toBe(heir));
    const list = await site.run('gateway list');
    expect(list.stdout).toContain(`${heir} leads`);
    expect(list.stdout).toMatch(/gateway-4 +voter/);
    expect((await site.run('gateway remove gateway-4')).stdout).not.toContain('gateway-4');
    const audit = await site.run('audit list');
    const acts = [
      'ledger.genesis',
      'ledger.author',
      'gateway.add',
      'gateway.promote',
      'gateway.transfer',
      'gateway.remove',
    ];
    expect([...audit.stdout.matchAll(/(ledger|gateway)\.[a-z]+/g)].map(([act]) => act)).toEqual(acts);
  }, 90_000);

  it('says why a change is refused, and enters that too', async () => {
    const { code, stderr } = await site.run('gateway promote gateway-1');
    expect(stderr).toMatch(/^MEMBER_CHANGE_REFUSED: gateway-1 is a voter already/);
    expect(code).toBe(1);
    const unknown = await site.run('gateway remove gateway-9');
    expect(unknown.stderr).toMatch(/^MEMBER_CHANGE_REFUSED: .*gateway-9/);
    expect((await site.run('audit list')).stdout).toMatch(/gateway\.remove\.failed .*MEMBER_CHANGE_REFUSED/);
  }, 60_000);

  it('verifies the ledger of the mesh and an exported one, and names the entry that was changed', async () => {
    expect((await site.run('audit verify')).stdout).toMatch(/^\d+ entries hold together/);
    const file = join(site.data, 'ledger.ndjson');
    await writeFile(file, (await site.run('audit list --json')).stdout);
    expect((await site.run('audit verify', '--file', file)).code).toBe(0);
    const changed = (await readFile(file, 'utf8')).replace('gateway-4', 'gateway-5');
    await writeFile(file, changed);
    const { code, stderr } = await site.run('audit verify', '--file', file);
    expect(stderr).toMatch(/^LEDGER_INVALID: Entry 3 is bad \(hash\)/);
    expect(code).toBe(1);
  }, 60_000);
});
