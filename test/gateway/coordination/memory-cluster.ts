import { VirtualClock } from '../../../core/time/index.ts';
import type { RecipeCluster } from '../../contract/recipes.ts';
import { MemoryCoordinator, MemoryStore } from '../../support/memory-coordinator.ts';

/** Three clients of a store in memory, in virtual time. */
export async function memoryCluster(): Promise<RecipeCluster> {
  const clock = new VirtualClock();
  const store = new MemoryStore(clock);
  const connect = async () => new MemoryCoordinator(store);
  return {
    clock,
    coordinators: await Promise.all([connect(), connect(), connect()]),
    connect,
    stop: async () => store.stop(),
    advanceTime: (durationMs) => advance(clock, durationMs),
    async hang() {
      const goOn = store.hang();
      return async () => goOn();
    },
    restart: async () => store.restart(),
  };
}

const STEP_MS = 10;

/** Lets whatever waits for promises go on between the steps, as it would in real time. */
export async function advance(clock: VirtualClock, durationMs: number): Promise<void> {
  await settle();
  for (let leftMs = durationMs; leftMs > 0; leftMs -= STEP_MS) {
    clock.advance(Math.min(STEP_MS, leftMs));
    await settle();
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
