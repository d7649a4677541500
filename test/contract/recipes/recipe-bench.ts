import { seededRandom } from '../../../core/random/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import { type Coordinator, type RecipeDeps, Session } from '../../../gateway/coordination/index.ts';
import { Bench, type CoordinatorCluster } from '../coordinator/bench.ts';

export interface RecipeCluster extends CoordinatorCluster {
  /** The clock of the clients. */
  clock: Clock;
}

/** Time to live of the sessions of these tests, ms: short, since a real etcd is waited for. */
export const TTL_MS = 1_000;

export class RecipeBench extends Bench {
  #deps: RecipeDeps | undefined;

  openRecipes(cluster: RecipeCluster): void {
    this.open(cluster);
    this.#deps = { clock: cluster.clock, random: seededRandom('recipes') };
  }

  get deps(): RecipeDeps {
    if (this.#deps === undefined) throw new Error('The store was not started.');
    return this.#deps;
  }

  /** Of some client, or of the one that is given. */
  session(coordinator: Coordinator = this.store, deps: RecipeDeps = this.deps): Promise<Session> {
    return Session.open(coordinator, deps, { ttlMs: TTL_MS });
  }

  /** The keys of a queue, in the order in which they came. */
  async queue(prefix: string): Promise<number[]> {
    const { keyValues } = await this.store.range({ prefix });
    return keyValues.map(({ createRevision }) => createRevision).toSorted((a, b) => a - b);
  }
}

/** The coordinator with some of its methods replaced. */
export function altered(coordinator: Coordinator, changes: Partial<Coordinator>): Coordinator {
  return new Proxy(coordinator, {
    get(target, name) {
      const method = Reflect.get(changes, name) ?? Reflect.get(target, name);
      return typeof method === 'function' ? method.bind(Reflect.has(changes, name) ? changes : target) : method;
    },
  });
}
