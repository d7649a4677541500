import { seededRandom } from '../../../core/random/index.ts';
import { decodeMessage } from '../../../gateway/consensus/codec/index.ts';
import { describeMessage } from '../../../gateway/consensus/raft/index.ts';
import { type RunOptions, type RunResult, violationOf } from '../run.ts';
import { Violation } from '../violation.ts';
import { type Fault, faultSchedule, scheduleFaults } from '../world/faults/index.ts';
import { World } from '../world/index.ts';
import { adminProgram } from './clients/admin.ts';
import { lockClient } from './clients/lock-client.ts';
import { type Admission, fencing, resourceProgram } from './clients/resource.ts';
import { scriptProgram } from './clients/script.ts';
import { storeClient } from './clients/store-client.ts';
import type { ClientSurroundings } from './clients/surroundings.ts';
import { Haunting } from './haunting.ts';
import { History } from './history.ts';
import { LockWatch } from './lock-watch.ts';
import { type MemberOptions, memberProgram, type RunningMember } from './member.ts';
import { Observer } from './observer.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { processOf, type Stored, type Wire } from './types.ts';

/** Virtual time that the group gets, once all faults are over, to have a leader, answer writes and agree. */
const HEAL_MS = 30_000;
const LOOK_EVERY_MS = 50;
/** Steps of the model; a history that takes more is counted as undecided. */
const CHECK_STEPS_MAX = 300_000;

export interface SimulationOptions extends RunOptions {
  /** In place of the ones that are right, so that tests can plant bugs. */
  openDisk?: NonNullable<MemberOptions['openDisk']>;
  admission?: Admission;
  scenario?: Partial<Scenario>;
}

/** One group, its clients and its faults, from the seed alone, until it is whole again; then everything is compared. */
export function simulate(options: SimulationOptions): RunResult {
  const { seed, profile } = options;
  const random = seededRandom(`${seed}/${profile}`);
  const scenario = { ...scenarioOf(random.fork('scenario'), profile), ...options.scenario };
  const world = new World<Wire, Stored>({
    seed: `${seed}/${profile}/world`,
    describe: describeWire,
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
  });
  const group = new SimulatedGroup(world, scenario, options);
  const schedule = { profile, members: group.processes, others: group.others, endMs: scenario.faultsEndMs };
  const faults = options.faults ?? faultSchedule(random.fork('faults'), schedule);
  let isUndecided = false;
  const violation = violationOf(world, () => {
    isUndecided = group.run(faults) === 'unknown';
  });
  const { observer, history, locks } = group;
  return {
    violation,
    faults,
    hash: world.trace.hash,
    events: world.events,
    virtualMs: world.nowMs,
    counts: {
      operations: history.operations.length,
      undecidedHistories: Number(isUndecided),
      elections: observer.elections,
      entriesApplied: observer.applied,
      snapshotsRestored: observer.restores,
      deedsAdmitted: locks.admitted,
      deedsFenced: locks.refused,
    },
  };
}

class SimulatedGroup {
  readonly observer: Observer;
  readonly history = new History();
  readonly locks = new LockWatch();
  readonly processes: readonly number[];
  readonly others: readonly number[];
  readonly #world: World<Wire, Stored>;
  readonly #scenario: Scenario;
  readonly #running = new Map<number, RunningMember>();
  #isOver = false;

  constructor(world: World<Wire, Stored>, scenario: Scenario, options: SimulationOptions) {
    this.#world = world;
    this.#scenario = scenario;
    this.observer = new Observer(() => world.nowMs);
    const { members, spares, storeClients, lockClients } = scenario;
    const initial = range(1, members);
    this.processes = range(1, members + spares);
    const memberOptions: MemberOptions = {
      initial,
      observer: this.observer,
      hasPace: scenario.hasPace,
      unreachableRate: scenario.unreachableRate,
      leaseReads: scenario.leaseReads,
      checkpointEntries: scenario.checkpointEntries,
      trailingEntries: scenario.trailingEntries,
      onStart: (process, member) => this.#running.set(process, member),
      ...(options.openDisk === undefined ? {} : { openDisk: options.openDisk }),
    };
    for (const _ of this.processes) world.add(memberProgram(memberOptions));
    const resource = world.add(resourceProgram(this.locks, options.admission ?? fencing)).id;
    const surroundings: ClientSurroundings = {
      observer: this.observer,
      history: this.history,
      locks: this.locks,
      processes: this.processes,
      keys: scenario.keys,
      hasLeaseReads: scenario.leaseReads,
      nowMs: () => world.nowMs,
      isDoubled: () => world.network.counts.duplicated > 0,
      isOver: () => this.#isOver,
      resource,
    };
    const clients = [
      ...range(1, storeClients).map((nth) =>
        storeClient(surroundings, { thinkMs: scenario.thinkMs, onlyReads: nth <= scenario.readers }),
      ),
      ...range(1, lockClients).map(() => lockClient(surroundings)),
    ];
    if (scenario.adminEveryMs !== undefined) {
      const spareProcesses = this.processes.slice(members);
      clients.push(adminProgram(surroundings, { spares: spareProcesses, everyMs: scenario.adminEveryMs }));
    }
    if (scenario.script.length > 0) clients.push(scriptProgram(surroundings, scenario.script));
    this.others = [resource, ...clients.map((client) => world.add(client).id)];
    if (scenario.isHaunted) {
      const haunting = new Haunting(world, world.random.fork('haunting'), scenario.faultsEndMs);
      this.observer.onLeads = (process) => haunting.leads(process);
    }
  }

  run(faults: readonly Fault[]): 'linearizable' | 'unknown' {
    scheduleFaults(this.#world, faults);
    for (const fault of faults) {
      if (fault.kind === 'crash' && !fault.powerCut)
        this.#world.after(fault.atMs, () => this.#refuseFrom(fault.process));
    }
    this.#world.runUntil(this.#scenario.faultsEndMs);
    this.#expect(
      () => this.history.hasChangedSince(this.#scenario.faultsEndMs),
      () => 'no write succeeds',
    );
    this.#isOver = true;
    this.#expect(
      () => this.#isAgreed(),
      () => `members do not agree: ${this.#describeMembers()}`,
    );
    this.#compare();
    return this.history.check(CHECK_STEPS_MAX);
  }

  /** Whoever talks to a process that has ended is refused by its machine. */
  #refuseFrom(process: number): void {
    if (this.#world.process(process).isUp) return;
    for (const peer of this.processes) {
      if (peer !== process) this.#world.network.send(process, peer, { kind: 'refused' });
    }
  }

  #expect(holds: () => boolean, otherwise: () => string): void {
    const endMs = this.#world.nowMs + HEAL_MS;
    while (!holds()) {
      if (this.#world.nowMs >= endMs) throw new Violation(`${otherwise()}, ${HEAL_MS} ms after the last fault`);
      this.#world.runUntil(this.#world.nowMs + LOOK_EVERY_MS);
    }
  }

  #isAgreed(): boolean {
    const members = this.#members();
    const [first] = members;
    if (members.length < this.observer.members.length || first === undefined) return false;
    const { applied } = first.status();
    if (applied < this.observer.committedIndex) return false;
    return members.every((member) => member.status().applied === applied);
  }

  #compare(): void {
    const members = this.#members();
    const digests = new Set(members.map(({ state }) => state.digest()));
    if (digests.size > 1) throw new Violation(`members that applied the same differ: ${this.#describeMembers()}`);
  }

  #members(): RunningMember[] {
    return this.observer.members.flatMap(({ name }) => {
      const member = this.#running.get(processOf(name));
      return member?.replica === undefined ? [] : [member];
    });
  }

  #describeMembers(): string {
    return this.observer.members
      .map(({ name, role }) => {
        const member = this.#running.get(processOf(name));
        if (member?.replica === undefined) return `${name} (${role}) has not begun`;
        const { term, applied, commit, lead } = member.status();
        return `${name} (${role}) applied ${applied} of ${commit} in term ${term} under ${lead}`;
      })
      .join('; ');
  }
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, nth) => first + nth);
}

function describeWire(wire: Wire): string {
  switch (wire.kind) {
    case 'raft':
    case 'snapshot':
      return describeMessage(decodeMessage(Buffer.from(wire.bytes)), () => '…');
    case 'ask':
      return `ask ${wire.call} ${JSON.stringify(wire.ask)}`;
    case 'answer':
      return `answer ${wire.call} ${JSON.stringify(wire.outcome)}`;
    default:
      return JSON.stringify(wire);
  }
}
