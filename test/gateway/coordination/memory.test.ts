import { coordinatorContract } from '../../contract/coordinator.ts';
import { recipesContract } from '../../contract/recipes.ts';
import { memoryCluster } from './memory-cluster.ts';

coordinatorContract('the fake of the tests', memoryCluster);
recipesContract('the fake of the tests', memoryCluster);
