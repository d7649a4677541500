import { seededRandom } from '../../../../../core/random/index.ts';
import { systemClock } from '../../../../../core/time/index.ts';
import { RaftCoordinator } from '../../../../../gateway/coordination/drivers/raft/index.ts';
import { coordinatorContract } from '../../../../contract/coordinator.ts';
import { type RecipeCluster, recipesContract } from '../../../../contract/recipes.ts';
import { eventually } from '../../../../support/eventually.ts';
import { RaftSite } from '../../../../support/raft-site.ts';

/** Clients at two of three gateways, over real sockets and disks; the third one is there to be killed. */
async function raftCluster(): Promise<RecipeCluster> {
  const site = await RaftSite.start(3);
  await site.leader();
  const names = site.all.map(({ name }) => name);
  const [near, other, killed] = names as [string, string, string];
  let clients = 0;
  const connect = async () => {
    const { group, machine } = site.member(clients % 2 === 0 ? near : other);
    return new RaftCoordinator({ group, machine, random: seededRandom(`client ${++clients}`) });
  };
  return {
    clock: systemClock,
    coordinators: await Promise.all([connect(), connect(), connect()]),
    connect,
    stop: () => site.stop(),
    /** Nobody hears of anybody. */
    async hang() {
      for (const one of names) for (const another of names) site.cut(one, another);
      return async () => site.mend();
    },
    /** The gateway that leads ends without warning, and starts again. */
    async restart() {
      await eventually(async () => {
        const leader = await site.leader();
        if (leader.name === killed) return;
        leader.group.transferTo(killed);
        throw new Error(`${killed} does not lead yet.`);
      });
      await site.member(killed).kill();
      await site.startMember(killed);
    },
  };
}

coordinatorContract('a Raft group of three', raftCluster);
recipesContract('a Raft group of three', raftCluster);
