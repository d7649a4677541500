import { defineConfig } from 'vitest/config';

const MESH = 'test/integration/**/*.test.ts';

export default defineConfig({
  test: {
    globalSetup: ['test/support/install-peers.ts'],
    reporters: ['default', './test/support/plain-summary.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Many tests start real processes; on a small machine they would otherwise wait for each other past their time-outs.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'parts', include: ['test/**/*.test.ts'], exclude: [MESH] } },
      // What holds for a broker holds without its hot path.
      {
        extends: true,
        test: {
          name: 'broker without its hot path',
          include: ['test/broker/*.test.ts'],
          env: { LATTICE_TEST_HOT_PATH: '0' },
        },
      },
      // What passes on one broker passes on three that are federated, with the clients spread over them.
      {
        extends: true,
        test: {
          name: 'three brokers as one',
          include: ['test/broker/*.test.ts'],
          exclude: ['test/broker/{crash,links,store,system-topics}.test.ts'],
          env: { LATTICE_TEST_BROKERS: '3' },
        },
      },
      // Whole meshes of ten processes, one after the other, when the rest is done.
      { extends: true, test: { name: 'mesh', include: [MESH], fileParallelism: false, sequence: { groupOrder: 1 } } },
    ],
  },
});
