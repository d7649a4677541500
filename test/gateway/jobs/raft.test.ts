import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { currentEpoch, EpochKeeper } from '../../../gateway/fleet/index.ts';
import { fillJobMetrics, JobRunner, readJobRecords } from '../../../gateway/jobs/index.ts';
import { beginLedger } from '../../../gateway/ledger/index.ts';
import { eventually } from '../../support/eventually.ts';
import { RaftSite, type SiteMember } from '../../support/raft-site.ts';
import { ROOT, SCOPE } from '../fleet/site.ts';

const log = pino({ level: 'silent' });

/** The term while the member leads, as the agreement of a gateway tells it. */
function leadershipOf({ group }: SiteMember) {
  return (listener: (token: number | undefined) => void): (() => void) => {
    const look = (): void => {
      const { status } = group;
      listener(status?.role === 'StateLeader' ? status.term : undefined);
    };
    group.on('role', look);
    look();
    return () => group.off('role', look);
  };
}

it('a site of three: its leader runs the jobs and counts the epochs, and the next leader goes on', async () => {
  const site = await RaftSite.start(3);
  const runs: { gateway: string; token: number }[] = [];
  const parts = new Map<string, { runner: JobRunner; keeper: EpochKeeper }>();
  try {
    const first = await site.leader();
    await beginLedger({ group: first.coordinator, clock: systemClock, author: ROOT });
    for (const member of site.all) {
      const { name: gateway, coordinator, group } = member;
      const deps = {
        ...{ clock: systemClock, random: seededRandom(gateway), log, scope: SCOPE },
        onLeadership: leadershipOf(member),
      };
      const job = {
        name: 'tick',
        schedule: '* * * * * *',
        run: async ({ fence }: { fence: { token: number } }) => {
          runs.push({ gateway, token: fence.token });
          return undefined;
        },
      };
      const runner = new JobRunner({ ...deps, jobs: [job], coordinator, gateway });
      const keeper = new EpochKeeper({ ...deps, group: coordinator, author: ROOT, retryMs: 50 });
      group.on('members', (members) => keeper.setMembers(members.map(({ name }) => name)));
      keeper.setMembers((group.status?.members ?? []).map(({ name }) => name));
      runner.start();
      keeper.start();
      parts.set(gateway, { runner, keeper });
    }
    await eventually(() => expect(runs.length).toBeGreaterThan(0));
    const { coordinator: other } = site.all.find(({ name }) => name !== first.name)!;
    await eventually(async () => {
      expect(await currentEpoch(other)).toMatchObject({ epoch: 1, members: site.all.map(({ name }) => name).sort() });
    });
    const before = (await readJobRecords(other)).get('tick');
    expect(before).toMatchObject({ schedule: '* * * * * *' });

    await first.kill();
    const second = await site.leader();
    await eventually(() => expect(runs.some(({ gateway }) => gateway === second.name)).toBe(true));
    await second.group.changeMembers([{ change: 'remove', name: first.name }], 5_000);
    await eventually(async () => {
      const epoch = await currentEpoch(second.coordinator);
      expect(epoch).toMatchObject({ epoch: 2, members: site.all.map(({ name }) => name).sort() });
    });
    const tokens = runs.map(({ token }) => token);
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(new Map(runs.map(({ gateway, token }) => [token, gateway])).size).toBeGreaterThan(1);
    const registry = new Registry();
    fillJobMetrics(registry, parts.get(second.name)!.runner);
    expect(await registry.metrics()).toMatch(/job_events_total\{job="tick",event="succeeded"\} [1-9]/);
  } finally {
    await Promise.all([...parts.values()].flatMap(({ runner, keeper }) => [runner.stop(), keeper.stop()]));
    await site.stop();
  }
});
