import { coordinatorContract } from '../../contract/coordinator.ts';
import { recipesContract } from '../../contract/recipes.ts';
import { describeWithPeers } from '../../support/peers.ts';
import { etcdCluster } from './etcd-cluster.ts';

describeWithPeers('with etcd', ['etcd'], () => {
  coordinatorContract('etcd driver, etcd', etcdCluster);
  recipesContract('etcd driver, etcd', etcdCluster);
});
