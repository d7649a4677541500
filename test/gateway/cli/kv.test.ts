import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { CliSite } from './site.ts';

let site: CliSite;
beforeAll(async () => {
  site = await CliSite.start();
});
afterAll(() => site?.stop());

describe('lattice kv', () => {
  it('puts, gets and deletes', async () => {
    const { revision } = JSON.parse((await site.run('kv put a/x 1 --json')).stdout);
    expect(await site.run('kv get a/x')).toMatchObject({ code: 0, stdout: '1\n' });
    await site.run('kv put a/y 2');
    expect((await site.run('kv get a/ --prefix')).stdout).toBe('a/x\t1\na/y\t2\n');
    await site.run('kv put a/x 3');
    expect((await site.run(`kv get a/x --revision ${revision} --consistency serializable`)).stdout).toBe('1\n');
    expect(JSON.parse((await site.run('kv delete a/ --prefix --json')).stdout)).toMatchObject({ deleted: 2 });
    expect(await site.run('kv get a/x')).toMatchObject({ code: 1, stdout: '', stderr: 'There is no key a/x.\n' });
    expect((await site.run('kv delete a/x')).code).toBe(1);
  }, 60_000);

  it('puts only over the version that is named', async () => {
    expect((await site.run('kv put once 1 --if-version 0')).code).toBe(0);
    const late = await site.run('kv put once 2 --if-version 0');
    expect(late).toMatchObject({ code: 1, stderr: 'Not put: once has version 1, not 0.\n' });
    expect((await site.run('kv get once')).stdout).toBe('1\n');
  }, 30_000);

  it("does not change the mesh's own keys", async () => {
    const { code, stderr } = await site.run('kv put lattice/ledger/head 1');
    expect(stderr).toMatch(/^KEY_RESERVED: /);
    expect(code).toBe(1);
  }, 30_000);

  it('watches on when the leader dies, and misses nothing', async () => {
    const { coordinator } = await site.gateways.raft.leader();
    const { revision } = await coordinator.put('w/before', '0');
    const watch = site.begin(`kv watch w/ --prefix --from ${revision}`);
    await eventually(() => expect(watch.stdout).toContain('w/before\t0'), 15_000);
    const killed = await site.killLeader();
    for (let n = 1; n <= 5; n++) expect((await site.run(`kv put w/n ${n}`)).code).toBe(0);
    const lines = ['w/before\t0', ...[1, 2, 3, 4, 5].map((n) => `w/n\t${n}`)];
    const expected = lines.map((line, at) => `${revision + at}\tput\t${line}\n`).join('');
    await eventually(() => expect(watch.stdout).toBe(expected), 15_000);
    watch.kill('SIGINT');
    expect(await watch.ended).toBe(0);
    await site.gateways.startAgain(killed);
  }, 60_000);
});
