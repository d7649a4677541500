import { describe, expect, it } from 'vitest';
import { FAULT_PROFILES, type FaultProfile, faultSchedule, scheduleFaults } from './faults/index.ts';
import { type Boot, type Machine, type ProcessEvent, World } from './index.ts';

type ChatMachine = Machine<string, string>;

/** Counts on its disk, and tells the others each number once it is there. */
const chatter: Boot<string, string> = (machine, { records }) => {
  let count = records.filter(({ isIntact }) => isIntact).length;
  machine.setTimer(machine.random.below(20), 0);
  return {
    onEvent(event) {
      machine.mark(count, machine.monotonicMs());
      switch (event.type) {
        case 'timer':
          machine.append(`${count}`, 100);
          machine.setTimer(10 + machine.random.below(20), 0);
          break;
        case 'diskDone':
          count += 1;
          for (const to of [1, 2, 3, 4, 5]) if (to !== machine.id) machine.send(to, `count ${count}`);
          break;
        case 'diskFailed':
          machine.exit(event.code);
          break;
        case 'message':
          if (event.message.endsWith('7')) machine.send(event.from, 'well done');
          break;
      }
    },
  };
};

function chat(seed: string, profile: FaultProfile, onLine?: (line: string) => void): World<string, string> {
  const world = new World<string, string>({ seed, ...(onLine === undefined ? {} : { onLine }) });
  const members = [1, 2, 3, 4, 5].map(() => world.add(chatter).id);
  scheduleFaults(world, faultSchedule(world.random.fork('faults'), { profile, members, others: [], endMs: 2_000 }));
  world.runUntil(2_500);
  return world;
}

/** One process whose program is this function. */
function single(
  onEvent: (event: ProcessEvent<string>, machine: ChatMachine) => void,
  onStart: (machine: ChatMachine, records: string[]) => void = () => {},
) {
  const lines: string[] = [];
  const world = new World<string, string>({ seed: 'single', onLine: (line) => lines.push(line) });
  const process = world.add((machine, { records }) => {
    onStart(
      machine,
      records.map(({ value }) => value),
    );
    return { onEvent: (event) => onEvent(event, machine) };
  });
  return { world, process, lines };
}

describe('a world', () => {
  it.each(Object.keys(FAULT_PROFILES) as FaultProfile[])('of one seed goes the same way twice: %s', (profile) => {
    for (const seed of ['a', 'b', 'c']) {
      const lines: string[] = [];
      const first = chat(seed, profile, (line) => lines.push(line));
      const second = chat(seed, profile);
      expect(second.trace.hash).toBe(first.trace.hash);
      expect(second.events).toBe(first.events);
      expect(lines.length).toBeGreaterThan(500);
    }
  });

  it('of another seed goes another way', () => {
    const hashes = ['a', 'b', 'c', 'd'].map((seed) => chat(seed, 'calm').trace.hash);
    expect(new Set(hashes).size).toBe(4);
  });

  it('has a trace that can be read', () => {
    const lines: string[] = [];
    chat('read', 'crashes', (line) => lines.push(line));
    expect(lines[0]).toMatch(/^ +0\.000 1 {4}starts, life 1$/);
    expect(lines.some((line) => /^ +\d+\.\d{3} ! {4}crash process=\d powerCut=\w+ forMs=\d+$/.test(line))).toBe(true);
    expect(lines.some((line) => /^ +\d+\.\d{3} \d {4}<- \d "count \d+"$/.test(line))).toBe(true);
  });

  it('is whole again when its schedule is over', () => {
    for (let seed = 0; seed < 20; seed++) {
      const world = chat(`${seed}`, 'everything');
      expect(world.processes.map(({ isUp, isPaused }) => isUp && !isPaused)).toEqual([true, true, true, true, true]);
      const dropped = world.network.counts.dropped;
      world.runUntil(3_000);
      expect(world.network.counts.dropped).toBe(dropped);
    }
  });

  it('calls back in order, and stops where it is told to', () => {
    const world = new World<string, string>({ seed: 1 });
    const calls: number[] = [];
    world.after(5, () => calls.push(2));
    world.after(1, () => calls.push(1));
    world.after(5, () => calls.push(3));
    world.after(2, () => calls.push(9)).cancel();
    world.after(50, () => calls.push(4));
    expect(world.runUntil(20)).toBe(false);
    expect([calls, world.nowMs, world.events]).toEqual([[1, 2, 3], 20, 3]);
    expect(world.runUntil(100, () => calls.includes(4))).toBe(true);
    expect(world.nowMs).toBe(50);
  });

  it('makes some hundred thousand events in a second of the processor at the least', () => {
    const world = new World<string, string>({ seed: 'speed' });
    for (let each = 0; each < 5; each++) {
      world.add((machine) => {
        machine.setTimer(1, 0);
        return {
          onEvent(event) {
            if (event.type !== 'timer') return;
            machine.setTimer(1, 0);
            for (let to = 1; to <= 5; to++) machine.send(to, 'tick');
          },
        };
      });
    }
    const before = process.cpuUsage();
    world.runUntil(10_000);
    const { user, system } = process.cpuUsage(before);
    const eventsPerSecond = (world.events / (user + system)) * 1e6;
    console.log(
      `${Math.round(eventsPerSecond).toLocaleString('en')} events of the bare world in a second of the processor`,
    );
    expect(eventsPerSecond).toBeGreaterThan(200_000);
  });
});

describe('a process', () => {
  it('gets its timers by its own clock, never early', () => {
    const early: number[] = [];
    const { world, process } = single(
      (event, machine) => {
        if (event.type === 'timer') early.push(machine.monotonicMs());
      },
      (machine) => machine.setTimer(1_000, 0),
    );
    process.clock.setDrift(0, -500);
    world.runUntil(2_000);
    expect(early).toHaveLength(1);
    expect(early[0]).toBeGreaterThanOrEqual(1_000);
    // What the rate changed by is not made up for: it is within the drift.
    expect(early[0]).toBeLessThan(1_000.6);
  });

  it('sees nothing while it is paused, then everything in order, and time has passed', () => {
    const seen: [string, number][] = [];
    const { world, process } = single(
      (event, machine) => {
        seen.push([
          event.type === 'timer' ? `timer ${event.timer}` : event.type,
          Math.floor(machine.monotonicMs() / 100),
        ]);
      },
      (machine) => {
        machine.setTimer(100, 1);
        machine.setTimer(300, 2);
        machine.setTimer(600, 3);
      },
    );
    process.clock.setDrift(0, 0);
    world.after(200, () => world.after(300, process.pause()));
    world.after(250, () => world.network.send(1, 1, 'hello'));
    world.runUntil(1_000);
    expect(seen).toEqual([
      ['timer 1', 1],
      ['message', 5],
      ['timer 2', 5],
      ['timer 3', 6],
    ]);
  });

  it('that is paused can still be spared a timer by what came before it', () => {
    const seen: string[] = [];
    let cancel = (): void => {};
    const { world, process } = single(
      (event) => {
        seen.push(event.type);
        if (event.type === 'message') cancel();
      },
      (machine) => {
        const timer = machine.setTimer(300, 1);
        cancel = () => timer.cancel();
      },
    );
    world.after(200, () => world.after(300, process.pause()));
    world.after(250, () => world.network.send(1, 1, 'hello'));
    world.runUntil(1_000);
    expect(seen).toEqual(['message']);
  });

  it('that crashes loses its timers and what was not synced, and starts from its disk', () => {
    const starts: string[][] = [];
    const seen: string[] = [];
    const { world, process } = single(
      (event) => seen.push(event.type),
      (machine, records) => {
        starts.push(records);
        machine.setTimer(50, 1);
        machine.append(`life ${starts.length}`, 1);
      },
    );
    world.runUntil(40);
    expect(seen).toEqual(['diskDone']);
    process.crash('powerCut');
    expect(process.isUp).toBe(false);
    process.start();
    world.runUntil(80);
    expect(starts).toEqual([[], ['life 1']]);
    expect(seen).toEqual(['diskDone', 'diskDone']);
    world.runUntil(100);
    expect(seen).toEqual(['diskDone', 'diskDone', 'timer']);
  });

  it('that crashes while it is paused starts again at once, unpaused', () => {
    const seen: string[] = [];
    const { world, process, lines } = single(
      (event) => seen.push(event.type),
      (machine) => machine.setTimer(50, 1),
    );
    const goOn = process.pause();
    world.runUntil(100);
    process.crash('kill');
    process.start();
    world.runUntil(200);
    expect(seen).toEqual(['timer']);
    goOn();
    expect(lines.filter((line) => line.includes('goes on'))).toEqual([]);
  });

  it('that exits is started again by the world, also when it exits while it starts', () => {
    let starts = 0;
    const { world, process } = single(
      () => {},
      (machine) => {
        starts += 1;
        if (starts < 3) machine.exit('no');
      },
    );
    expect(process.isUp).toBe(false);
    world.runUntil(150);
    expect([starts, process.isUp]).toEqual([2, false]);
    world.runUntil(250);
    expect([starts, process.isUp]).toEqual([3, true]);
  });

  it('does not get what was on its way when the link was cut', () => {
    const seen: string[] = [];
    const { world } = single((event) => seen.push(event.type));
    world.network.send(1, 1, 'hello');
    const mend = world.network.cut(1, 1);
    world.runUntil(100);
    mend();
    expect([seen, world.network.counts.dropped]).toEqual([[], 1]);
  });

  it('that is away misses its messages', () => {
    const seen: string[] = [];
    const { world, process } = single((event) => seen.push(event.type));
    process.crash('kill');
    world.network.send(1, 1, 'hello');
    world.runUntil(100);
    process.start();
    world.runUntil(200);
    expect(seen).toEqual([]);
    expect(world.network.counts.dropped).toBe(1);
  });
});
