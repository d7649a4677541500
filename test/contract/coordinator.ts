import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { Bench, type CoordinatorCluster } from './coordinator/bench.ts';
import { faultsContract } from './coordinator/faults.ts';
import { historyContract } from './coordinator/history.ts';
import { keysContract } from './coordinator/keys.ts';
import { leasesContract } from './coordinator/leases.ts';
import { transactionsContract } from './coordinator/transactions.ts';
import { watchesContract } from './coordinator/watches.ts';

export type { CoordinatorCluster } from './coordinator/bench.ts';

/** What every driver of Coordinator must do. One store serves the whole suite; each test has keys of its own. */
export function coordinatorContract(name: string, makeCluster: () => Promise<CoordinatorCluster>): void {
  describe(`coordinator: ${name}`, () => {
    const bench = new Bench();

    beforeAll(async () => bench.open(await makeCluster()));
    afterAll(() => bench.close());
    beforeEach(() => bench.nextTest());

    keysContract(bench);
    transactionsContract(bench);
    leasesContract(bench);
    watchesContract(bench);
    historyContract(bench);
    faultsContract(bench);
  });
}
