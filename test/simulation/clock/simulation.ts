import { PPM } from '../../../core/mesh-time/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import type { SavedClock } from '../../../gateway/clock/core/index.ts';
import { type RunOptions, type RunResult, violationOf } from '../run.ts';
import { Violation } from '../violation.ts';
import { type Fault, faultSchedule, scheduleFaults } from '../world/faults/index.ts';
import { World } from '../world/index.ts';
import { type Lie, memberBoot, nameOf, type SimMember, type Wire } from './member.ts';
import { type ClockScenario, SCENARIOS, type ScenarioName, scenarioOf } from './scenario.ts';

/*
 * Gateways that agree on time, in a world of drifting crystals. Truth is the world's own time, which nobody in it sees. The leader is
 * made known by the world, as Raft would: the lowest gateway that is up, after a moment, with a new term each time.
 */

const DRIFT_PPM_MAX = 100;
const WALL_OFFSET_MS_MAX = 100;
const WALL_START_MS = 1_735_689_600_000;
const LOOK_EVERY_MS = 250;
const ELECTION_MS = 300;
const REFERENCE_EVERY_MS = 16_000;
/** What a double that holds a date may be off by, twice. */
const ROUNDING_MS = 0.002;

export interface ClockRunOptions extends Partial<RunOptions> {
  seed: string | number;
  scenario?: ScenarioName;
  /** What is told of each look once the site has settled: the spread of the honest clocks, and the widest uncertainty. */
  onSettled?: (look: { spreadMs: number; uncertaintyMs: number }) => void;
}

export function scenarioOfSeed(seed: string | number): ScenarioName {
  const index = typeof seed === 'number' ? seed : seededRandom(seed).below(SCENARIOS.length);
  return SCENARIOS[index % SCENARIOS.length] as ScenarioName;
}

export function simulateClock(options: ClockRunOptions): RunResult {
  const { seed } = options;
  const name = options.scenario ?? scenarioOfSeed(seed);
  const random = seededRandom(`clock/${name}/${seed}`);
  const scenario = scenarioOf(name, random.fork('scenario'));
  const world = new World<Wire, SavedClock>({
    seed: `clock/${name}/${seed}/world`,
    delay: scenario.delay,
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
  });
  const site = new SimulatedSite(world, scenario, options);
  const members = world.processes.map(({ id }) => id);
  const schedule = { profile: scenario.faults, members, others: [], endMs: scenario.settledMs - 30_000 };
  const faults = options.faults ?? faultSchedule(random.fork('faults'), schedule).filter(isOfInterest);
  const violation = violationOf(world, () => site.run(faults));
  return {
    ...{ violation, faults, hash: world.trace.hash, events: world.events, virtualMs: world.nowMs },
    counts: { looks: site.looks, masters: site.term, spreadMaxUs: Math.round(site.spreadMaxMs * 1_000) },
  };
}

/** A crystal that changes its rate by hundreds of ppm at once is none: what is promised rests on rates that hold for a minute. */
function isOfInterest({ kind }: Fault): boolean {
  return kind !== 'clockDrift' && kind !== 'corruption';
}

interface Watched {
  member: SimMember;
  atMs: number;
  ms: number;
  steps: number;
}

interface Reading {
  id: number;
  ms: number;
  uncertaintyMs: number;
  /** What it is told against: UTC, or the others of one beginning. */
  truth: string;
}

class SimulatedSite {
  looks = 0;
  term = 0;
  spreadMaxMs = 0;
  readonly #world: World<Wire, SavedClock>;
  readonly #scenario: ClockScenario;
  readonly #options: ClockRunOptions;
  readonly #members = new Map<number, SimMember>();
  readonly #watched = new Map<number, Watched>();
  #leader = 0;
  #leaderLife: SimMember | undefined;
  #candidate: { process: number; sinceMs: number } | undefined;

  constructor(world: World<Wire, SavedClock>, scenario: ClockScenario, options: ClockRunOptions) {
    this.#world = world;
    this.#scenario = scenario;
    this.#options = options;
    const random = world.random.fork('clocks');
    for (let each = 0; each < scenario.gateways; each++) {
      const boot = memberBoot(
        (process) => this.#lieOf(process),
        (process, member) => this.#members.set(process, member),
      );
      const process = world.add(boot);
      process.clock.setDrift(0, (random.next() * 2 - 1) * DRIFT_PPM_MAX);
      process.clock.stepWall((random.next() * 2 - 1) * WALL_OFFSET_MS_MAX);
      // The node has read its wall clock already: it starts again with the one that it was given.
      process.crash('kill');
      process.start();
    }
    if (scenario.asymmetryMs > 0) {
      const { delay } = scenario;
      const slow = { ...delay, minMs: delay.minMs + scenario.asymmetryMs, meanMs: delay.meanMs + scenario.asymmetryMs };
      world.network.setDelay(1, 2, slow);
    }
    // Datagrams may overtake each other.
    world.network.reordering.begin(1);
    if (scenario.loss > 0) world.network.loss.begin(scenario.loss);
    if (scenario.killEveryMs !== undefined) this.#killLater(scenario.killEveryMs);
    if (scenario.referenceMs !== undefined) for (const { id } of world.processes) this.#referLater(id);
  }

  run(faults: readonly Fault[]): void {
    scheduleFaults(this.#world, faults);
    const look = (): void => {
      this.#lead();
      this.#look();
      this.#world.after(LOOK_EVERY_MS, look);
    };
    look();
    this.#world.runUntil(this.#scenario.endMs);
  }

  /** The lowest gateway that is up leads, once it has been so for as long as an election takes. */
  #lead(): void {
    const up = this.#world.processes.find(({ isUp, isPaused }) => isUp && !isPaused)?.id ?? 0;
    const nowMs = this.#world.nowMs;
    if (up !== this.#candidate?.process) this.#candidate = { process: up, sinceMs: nowMs };
    // A leader that started again has to be elected again.
    const life = this.#members.get(up);
    const isOther = up !== this.#leader || life !== this.#leaderLife;
    if (up !== 0 && isOther && nowMs - this.#candidate.sinceMs >= ELECTION_MS) {
      this.#leader = up;
      this.#leaderLife = life;
      this.term += 1;
    }
    // A gateway that started again does not know who leads until it is told.
    for (const process of this.#world.processes) {
      if (process.isUp && !process.isPaused) this.#tellRole(process.id);
    }
  }

  #tellRole(process: number): void {
    const member = this.#members.get(process);
    if (member === undefined || this.#leader === 0) return;
    const members = this.#world.processes.map(({ id }) => nameOf(id));
    const isMaster = process === this.#leader && member === this.#leaderLife;
    member.do({ type: 'role', term: this.term, isMaster, leader: nameOf(this.#leader), members });
  }

  #killLater(everyMs: number): void {
    this.#world.after(everyMs, () => {
      const leader = this.#leader;
      if (leader !== 0) {
        const process = this.#world.process(leader);
        process.crash('kill');
        this.#world.after(this.#scenario.restartMs, () => process.start());
      }
      this.#killLater(everyMs);
    });
  }

  #referLater(id: number): void {
    const { referenceMs, referenceEndMs } = this.#scenario;
    const random = this.#world.random.fork(`reference ${id}`);
    const refer = (): void => {
      const process = this.#world.process(id);
      if (process.isUp && !process.isPaused && referenceMs !== undefined) {
        const utcMs = WALL_START_MS + this.#world.nowMs + (random.next() * 2 - 1) * referenceMs * 0.9;
        this.#members.get(id)?.do({
          ...{ type: 'reference', atMs: process.monotonicMs(), utcMs, uncertaintyMs: referenceMs },
        });
      }
      if (referenceEndMs === undefined || this.#world.nowMs < referenceEndMs)
        this.#world.after(REFERENCE_EVERY_MS, refer);
    };
    this.#world.after(random.next() * 2_000, refer);
  }

  #lieOf(process: number): Lie | undefined {
    const lie = this.#scenario.liars.find((liar) => liar.process === process);
    if (lie === undefined) return undefined;
    if (lie.kind === 'tenSeconds') return { stampMs: () => 10_000, shownMs: () => 10_000 };
    return { stampMs: (ms) => ms * 300 * PPM, shownMs: (ms) => ms * 100 * PPM };
  }

  #look(): void {
    const honest = this.#world.processes.filter(
      ({ id, isUp }) => isUp && !this.#scenario.liars.some((liar) => liar.process === id),
    );
    const readings: Reading[] = [];
    for (const { id } of honest) {
      const member = this.#members.get(id) as SimMember;
      const { ms, uncertaintyMs } = member.at();
      if (!Number.isFinite(uncertaintyMs)) continue;
      this.#checkSteady(id, member, ms);
      readings.push({ id, ms, uncertaintyMs, truth: `${member.node.clock.kind} ${member.node.epoch}` });
      this.#world.trace.mark(ms, uncertaintyMs);
      if (member.node.clock.kind === 'absolute') this.#checkTruth(id, ms, uncertaintyMs);
    }
    this.#checkPairs(readings);
    if (this.#world.nowMs < this.#scenario.settledMs || readings.length < 2) return;
    const alike = readings.filter(({ truth }) => truth === readings[0]?.truth);
    const all = alike.map(({ ms }) => ms);
    const spreadMs = Math.max(...all) - Math.min(...all);
    this.looks += 1;
    this.spreadMaxMs = Math.max(this.spreadMaxMs, spreadMs);
    const uncertaintyMs = Math.max(...readings.map((reading) => reading.uncertaintyMs));
    this.#options.onSettled?.({ spreadMs, uncertaintyMs });
  }

  /** In one life, once it is synchronised: never backwards, never faster or slower than the bound, no step. */
  #checkSteady(id: number, member: SimMember, ms: number): void {
    const atMs = member.monotonicMs();
    const { steps } = member.node.clock;
    const before = this.#watched.get(id);
    this.#watched.set(id, { member, atMs, ms, steps });
    if (before === undefined || before.member !== member) return;
    if (steps !== before.steps) throw new Violation(`g${id} was set again, ${steps} times in all`);
    const passedMs = atMs - before.atMs;
    const wentMs = ms - before.ms;
    const boundMs = passedMs * 500 * PPM + ROUNDING_MS;
    if (wentMs < 0) throw new Violation(`g${id} went back by ${-wentMs} ms`);
    if (Math.abs(wentMs - passedMs) > boundMs) throw new Violation(`g${id} went ${wentMs} ms in ${passedMs} ms`);
  }

  #checkTruth(id: number, ms: number, uncertaintyMs: number): void {
    const errorMs = ms - (WALL_START_MS + this.#world.nowMs);
    if (Math.abs(errorMs) <= uncertaintyMs + ROUNDING_MS) return;
    throw new Violation(`g${id} is ${errorMs} ms off UTC and says ± ${uncertaintyMs}`);
  }

  #checkPairs(readings: readonly Reading[]): void {
    for (const [nth, one] of readings.entries()) {
      for (const other of readings.slice(nth + 1)) {
        // Who follows UTC has left the time of before, and when most have lost the time a new one begins: what is told against one
        // says nothing about the other.
        if (one.truth !== other.truth) continue;
        const apartMs = Math.abs(one.ms - other.ms);
        if (apartMs <= one.uncertaintyMs + other.uncertaintyMs + ROUNDING_MS) continue;
        throw new Violation(
          `g${one.id} and g${other.id} are ${apartMs} ms apart and say ± ${one.uncertaintyMs} and ± ${other.uncertaintyMs}`,
        );
      }
    }
  }
}
