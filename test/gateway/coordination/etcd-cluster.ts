import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { etcdDriverSchema, openEtcdCoordinator } from '../../../gateway/coordination/index.ts';
import type { RecipeCluster } from '../../contract/recipes.ts';
import { startEtcd } from './etcd-server.ts';

/** Three clients of one etcd. */
export async function etcdCluster(): Promise<RecipeCluster> {
  const server = await startEtcd();
  const config = etcdDriverSchema.parse({ driver: 'etcd', endpoints: [server.url] });
  const connect = () => openEtcdCoordinator(config, { clock: systemClock, random: seededRandom('etcd') });
  const coordinators = await Promise.all([connect(), connect(), connect()]);
  return {
    clock: systemClock,
    coordinators,
    connect,
    async stop() {
      await Promise.all(coordinators.map((one) => one.close()));
      await server.stop();
    },
    async hang() {
      server.pause();
      return async () => server.resume();
    },
    async restart() {
      await server.kill();
      await server.start();
    },
  };
}
