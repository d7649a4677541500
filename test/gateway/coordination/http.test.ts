import { type CoordinatorCluster, coordinatorContract } from '../../contract/coordinator.ts';
import { HttpSite } from './http-cluster.ts';

/** Three clients of three gateways, each of which prefers another. */
async function httpCluster(): Promise<CoordinatorCluster> {
  const site = await HttpSite.start();
  const coordinators = [0, 1, 2].map((first) => site.coordinator(first));
  return {
    coordinators,
    connect: async () => site.coordinator(),
    async stop() {
      await Promise.all(coordinators.map((one) => one.close()));
      await site.stop();
    },
    async hang() {
      const goOn = site.hang();
      return async () => goOn();
    },
    async restart() {
      const names = site.raft.all.map(({ name }) => name);
      await Promise.all(names.map((name) => site.kill(name)));
      await Promise.all(names.map((name) => site.startAgain(name)));
    },
  };
}

coordinatorContract('HTTP API of three gateways', httpCluster);
