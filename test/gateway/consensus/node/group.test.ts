import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { RaftSite, type SiteMember } from '../../../support/raft-site.ts';

let site: RaftSite | undefined;
afterEach(async () => {
  await site?.stop();
  site = undefined;
});

const others = (member: SiteMember): SiteMember[] => (site as RaftSite).all.filter((each) => each !== member);

describe('a group of three gateways', () => {
  test('elects a leader, and what is written at one is read at each', async () => {
    site = await RaftSite.start(3);
    const leader = await site.leader();
    const [follower] = others(leader) as [SiteMember];
    await follower.coordinator.put('a', '1');
    for (const { coordinator } of site.all) expect((await coordinator.get('a'))?.value).toBe('1');
  });

  test('goes on within a second when the leader is killed, and it catches up when it is back', async () => {
    site = await RaftSite.start(3);
    const leader = await site.leader();
    await leader.coordinator.put('a', '1');
    const startMs = performance.now();
    await leader.kill();
    const [one] = site.all as [SiteMember];
    await one.coordinator.put('a', '2');
    console.log('after', performance.now() - startMs);
    const back = await site.startMember(leader.name);
    await eventually(() => expect(back.group.status).toBeDefined());
    expect((await back.coordinator.get('a'))?.value).toBe('2');
  });
});
