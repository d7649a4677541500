import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import type { WatchBatch } from '../../../../gateway/coordination/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { RaftSite, type SiteMember, type SiteOptions } from '../../../support/raft-site.ts';

let site: RaftSite;
afterEach(() => site?.stop());

async function start(count: number, options?: SiteOptions): Promise<SiteMember> {
  site = await RaftSite.start(count, options);
  return site.leader();
}

const others = (member: SiteMember): SiteMember[] => site.all.filter((each) => each !== member);
const valueAt = async (member: SiteMember, key: string): Promise<string | undefined> =>
  (await member.coordinator.get(key))?.value;

describe('a group of three gateways', () => {
  test('elects a leader, and what is written at one is read at each', async () => {
    const leader = await start(3);
    const [follower] = others(leader) as [SiteMember];
    await follower.coordinator.put('a', '1');
    for (const member of site.all) expect(await valueAt(member, 'a')).toBe('1');
  });

  test('goes on when the leader is killed, and it catches up when it is back', async () => {
    const leader = await start(3);
    await leader.coordinator.put('a', '1');
    await leader.kill();
    const [one] = site.all as [SiteMember];
    await one.coordinator.put('a', '2');
    const back = await site.startMember(leader.name);
    await eventually(() => expect(back.group.status).toBeDefined());
    expect(await valueAt(back, 'a')).toBe('2');
  });

  test('goes on without a follower, in the same term', async () => {
    const leader = await start(3);
    await leader.coordinator.put('a', '1');
    const term = leader.group.status?.term;
    const [follower] = others(leader) as [SiteMember];
    await follower.kill();
    await leader.coordinator.put('a', '2');
    const back = await site.startMember(follower.name);
    await eventually(async () => expect(await valueAt(back, 'a')).toBe('2'));
    expect(leader.group.status?.term).toBe(term);
  });

  test('refuses in time what no majority can confirm', async () => {
    const leader = await start(3);
    await leader.coordinator.put('a', '1');
    for (const member of others(leader)) await member.kill();
    const put = await leader.coordinator.put('a', '2', { timeoutMs: 300 }).catch(codeOf);
    expect(['COORDINATION_TIMEOUT', 'COORDINATION_UNAVAILABLE']).toContain(put);
    expect(await leader.coordinator.get('a', { timeoutMs: 300 }).catch(codeOf)).toBe('COORDINATION_TIMEOUT');
  });

  test('remembers everything when all are killed at once', async () => {
    const leader = await start(3);
    for (let n = 0; n < 20; n++) await leader.coordinator.put(`k${n}`, String(n));
    const names = site.all.map(({ name }) => name);
    await Promise.all(site.all.map((member) => member.kill()));
    await Promise.all(names.map((name) => site.startMember(name)));
    const one = await site.leader();
    for (let n = 0; n < 20; n++) expect(await valueAt(one, `k${n}`)).toBe(String(n));
  });

  test('hands the lead over to the one that is asked for', async () => {
    const leader = await start(3);
    await leader.coordinator.put('a', '1');
    const [follower] = others(leader) as [SiteMember];
    follower.group.transferTo(follower.name);
    await eventually(() => expect(follower.group.status?.role).toBe('StateLeader'));
    await leader.coordinator.put('a', '2');
    expect(await valueAt(follower, 'a')).toBe('2');
  });

  test('answers what is asked from within its own events, in order', async () => {
    const leader = await start(3);
    const asked: Promise<unknown>[] = [];
    leader.group.on('changed', (index) => {
      if (asked.length < 5) asked.push(leader.coordinator.put('inner', String(index)));
    });
    await Promise.all(Array.from({ length: 5 }, (_, n) => leader.coordinator.put('outer', String(n))));
    await Promise.all(asked);
    expect(asked).toHaveLength(5);
    expect(leader.group.status?.role).toBe('StateLeader');
  });
});

describe('the members', () => {
  test('a fourth is taken in, and what it knows outlives the others of before', async () => {
    const leader = await start(3);
    await leader.coordinator.put('a', '1');
    const fourth = await site.startMember('gateway-4');
    expect(fourth.group.status).toBeUndefined();
    const address = site.addressOf('gateway-4');
    await leader.group.changeMembers([{ change: 'add', name: 'gateway-4', address, role: 'learner' }], 5_000);
    await eventually(() => expect(fourth.group.status?.applied).toBe(leader.group.status?.applied));
    const added = await leader.group.changeMembers(
      [{ change: 'add', name: 'gateway-4', address, role: 'voter' }],
      5_000,
    );
    expect(added.map(({ name, id, role }) => ({ name, id, role })).at(-1)).toEqual({
      name: 'gateway-4',
      id: 4,
      role: 'voter',
    });
    expect(await valueAt(fourth, 'a')).toBe('1');
    await leader.kill();
    await fourth.coordinator.put('a', '2');
    await fourth.kill();
    const again = await site.startMember('gateway-4');
    expect(await eventually(() => valueAt(again, 'a'))).toBe('2');
  });

  test('a leader that is removed steps down, and disturbs nobody afterwards', async () => {
    const leader = await start(3);
    await leader.coordinator.put('a', '1');
    await leader.group.changeMembers([{ change: 'remove', name: leader.name }], 5_000);
    expect(leader.group.status?.role).toBe('StateFollower');
    const successor = await eventually(() => {
      const found = others(leader).find(({ group }) => group.status?.role === 'StateLeader');
      if (found === undefined) throw new Error('There is no successor.');
      return found;
    });
    await successor.coordinator.put('a', '2');
    const term = successor.group.status?.term;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(successor.group.status).toMatchObject({ term, role: 'StateLeader' });
    expect(successor.group.status?.members.map(({ name }) => name)).not.toContain(leader.name);
  });

  test('one that was removed and has an empty disk is taken in as another member, not as the one that it was', async () => {
    const leader = await start(3);
    await leader.coordinator.put('a', '1');
    const [follower] = others(leader) as [SiteMember];
    const oldId = follower.group.status?.id;
    await leader.group.changeMembers([{ change: 'remove', name: follower.name }], 5_000);
    await follower.kill();
    await rm(join(site.folder, follower.name), { recursive: true });
    const back = await site.startMember(follower.name);
    const address = site.addressOf(follower.name);
    // It must not begin as the member that the configuration names.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(back.group.status).toBeUndefined();
    await leader.group.changeMembers([{ change: 'add', name: back.name, address, role: 'voter' }], 5_000);
    expect(await eventually(() => valueAt(back, 'a'))).toBe('1');
    expect(back.group.status?.id).toBe(4);
    expect(back.group.status?.id).not.toBe(oldId);
  });

  test('one that has lost its disk does not take part as who it was', async () => {
    const leader = await start(3);
    for (const member of site.all) await site.registerDisk(member);
    const [follower] = others(leader) as [SiteMember];
    await follower.kill();
    await rm(join(site.folder, follower.name), { recursive: true });
    const back = await site.startMember(follower.name);
    const [failure] = await new Promise<unknown[]>((resolve) => {
      back.group.once('failed', (...failed) => resolve(failed));
    });
    expect(codeOf(failure)).toBe('RAFT_STORAGE_DAMAGED');
    expect(back.group.status).toBeUndefined();
  });
});

describe('a watch', () => {
  test('loses and repeats nothing while the lead changes and its member goes on', async () => {
    const leader = await start(3);
    const [watching] = others(leader) as [SiteMember];
    const seen: WatchBatch[] = [];
    const aborter = new AbortController();
    const { revision } = await watching.coordinator.put('w/start', '0');
    const ended = (async () => {
      const watch = watching.coordinator.watch({ prefix: 'w/' }, { fromRevision: revision, signal: aborter.signal });
      for await (const batch of watch) seen.push(batch);
    })();
    for (let n = 0; n < 60; n++) {
      if (n === 20) await leader.kill();
      if (n === 40) watching.group.transferTo(watching.name);
      await watching.coordinator.put(`w/${n}`, String(n));
    }
    await eventually(() => expect(seen).toHaveLength(61));
    expect(seen.map((batch) => batch.revision)).toEqual(Array.from({ length: 61 }, (_, n) => revision + n));
    aborter.abort();
    await ended;
  });
});

describe('a member that was away for long', () => {
  test('gets a snapshot, and its watches go on', async () => {
    const leader = await start(3, { checkpointEntries: 2_000 });
    const [away] = others(leader) as [SiteMember];
    const { revision } = await away.coordinator.put('w', 'before');
    await away.kill();
    const write = async (worker: number): Promise<void> => {
      for (let n = 0; n < 625; n++) await leader.coordinator.put(`k${worker}`, String(n));
    };
    await Promise.all(Array.from({ length: 32 }, (_, worker) => write(worker)));
    const { revision: last } = await leader.coordinator.put('w', 'after');
    expect(last).toBe(revision + 20_001);
    const back = await site.startMember(away.name);
    let restored = 0;
    back.group.on('restored', () => {
      restored += 1;
    });
    expect(await eventually(() => valueAt(back, 'w'))).toBe('after');
    expect(restored).toBe(1);
    expect(back.machine.state.digest()).toBe(leader.machine.state.digest());
  });
});
