import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { electionsContract } from './recipes/elections.ts';
import { locksContract } from './recipes/locks.ts';
import { RecipeBench, type RecipeCluster } from './recipes/recipe-bench.ts';
import { sessionsContract } from './recipes/sessions.ts';

export type { RecipeCluster } from './recipes/recipe-bench.ts';

/** What sessions, locks, elections and fences do over every driver of Coordinator. */
export function recipesContract(name: string, makeCluster: () => Promise<RecipeCluster>): void {
  describe(`recipes: ${name}`, () => {
    const bench = new RecipeBench();

    beforeAll(async () => bench.openRecipes(await makeCluster()));
    afterAll(() => bench.close());
    beforeEach(() => bench.nextTest());

    sessionsContract(bench);
    locksContract(bench);
    electionsContract(bench);
  });
}
