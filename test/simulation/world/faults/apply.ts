import type { World } from '../world.ts';
import type { Fault } from './types.ts';

/** Has every fault of the schedule happen at its time, and end. */
export function scheduleFaults<Message, Stored>(world: World<Message, Stored>, faults: readonly Fault[]): void {
  for (const fault of faults) {
    world.after(fault.atMs - world.nowMs, () => {
      world.trace.line(world.nowMs, '!', () => describeFault(fault));
      const heal = begin(world, fault);
      if (heal !== undefined && 'forMs' in fault) world.after(fault.forMs, heal);
    });
  }
}

/** Such as `pause process=3 forMs=250`. */
export function describeFault({ kind, atMs: _, ...rest }: Fault): string {
  return [kind, ...Object.entries(rest).map(([name, value]) => `${name}=${value}`)].join(' ');
}

/** Returns what ends it, if it has an end. */
function begin<Message, Stored>(world: World<Message, Stored>, fault: Fault): (() => void) | undefined {
  const { network } = world;
  switch (fault.kind) {
    case 'crash': {
      const process = world.process(fault.process);
      process.crash(fault.powerCut ? 'powerCut' : 'kill');
      return () => process.start();
    }
    case 'pause':
      return world.process(fault.process).pause();
    case 'cut':
      return network.cut(fault.from, fault.to);
    case 'partition':
      return all(pairsAcross(world, fault.side).map(([from, to]) => network.cut(from, to)));
    case 'clog':
      return all(pairsAcross(world, [fault.process]).map(([from, to]) => network.clog(from, to)));
    case 'loss':
      return network.loss.begin(fault.rate);
    case 'duplication':
      return network.duplication.begin(fault.rate);
    case 'reordering':
      return network.reordering.begin(fault.rate);
    case 'slowNetwork':
      return network.slowness.begin(fault.byMs);
    case 'clockStep':
      world.process(fault.process).clock.stepWall(fault.byMs);
      return undefined;
    case 'clockDrift': {
      const { clock } = world.process(fault.process);
      const end = clock.drift(world.nowMs, fault.ppm);
      return () => end(world.nowMs);
    }
    case 'slowDisk':
      return world.process(fault.process).disk.slowness.begin(fault.factor);
    case 'fullDisk':
      return world.process(fault.process).disk.fullness.begin(1);
    case 'diskErrors':
      return world.process(fault.process).disk.errors.begin(1);
    case 'corruption':
      world.process(fault.process).disk.corrupt(fault.what);
      return undefined;
  }
}

/** Every link between these and all others, both ways. */
function pairsAcross<Message, Stored>(world: World<Message, Stored>, side: readonly number[]): [number, number][] {
  const others = world.processes.map(({ id }) => id).filter((id) => !side.includes(id));
  return side.flatMap((one) =>
    others.flatMap((other): [number, number][] => [
      [one, other],
      [other, one],
    ]),
  );
}

function all(ends: (() => void)[]): () => void {
  return () => {
    for (const end of ends) end();
  };
}
