import { ConnectGate, DeviceLink, type DeviceLinkEvents, type Link } from '../core/device-link/index.ts';
import type { LatticeError } from '../core/errors/index.ts';
import { derivedPassword } from '../core/identity/index.ts';
import { type Random, seededRandom, systemRandom } from '../core/random/index.ts';
import { type Clock, delay, systemClock } from '../core/time/index.ts';
import { FleetClocks } from './clock/index.ts';
import { type DevicePlan, planDevices } from './plan.ts';
import { bootId } from './reading-stream.ts';
import type { Scenario } from './scenario.ts';
import { SimDevice } from './sim-device.ts';
import { FleetStats, type Summary } from './summary.ts';

export interface FleetDeps {
  clock?: Clock;
  /** For boot ids and the jitter of reconnects; the values of the devices come from the scenario's seed. */
  random?: Random;
  /** PEM of the authority of mqtts brokers. */
  ca?: string | undefined;
  /** Told when a connection is lost or cannot be made. */
  onProblem?: (device: string, error: LatticeError) => void;
  /** How long stop() waits for PUBACKs that are outstanding. Default 3,000. */
  drainTimeoutMs?: number;
  /** Replaces the network in tests. */
  createLink?: (plan: DevicePlan, events: DeviceLinkEvents) => Link;
}

/** A fleet of devices, made by createFleet. */
export interface Fleet {
  readonly devices: readonly string[];
  /** Whether any device ever had a connection. */
  readonly wasEverUp: boolean;
  start(): void;
  /** Resolves when the scenario's stop condition is met; never without one. */
  readonly finished: Promise<void>;
  /** Resolves when nothing is outstanding, or after the time. */
  drain(timeoutMs: number): Promise<void>;
  /** Makes no more readings, waits for PUBACKs, says `offline`, disconnects. Safe twice. */
  stop(): Promise<void>;
  /** The counts now; after stop(), those of the end. */
  summary(): Summary;
}

const READINGS_OF_FLEET_MAX = 200_000;
const READINGS_OF_DEVICE = { min: 100, max: 5_000 } as const;
const DRAIN_TIMEOUT_MS = 3_000;
const DRAIN_POLL_MS = 20;

/** Plans the devices of a scenario; nothing is sent before start(). The seed, if the scenario has none, is drawn here. */
export async function createFleet(scenario: Scenario, deps: FleetDeps = {}): Promise<Fleet> {
  const clock = deps.clock ?? systemClock;
  const random = deps.random ?? systemRandom();
  const seed = scenario.seed ?? random.fork('seed').below(2 ** 31);
  const plans = await planDevices(scenario, seededRandom(seed));
  return new RunningFleet(scenario, plans, seed, { ...deps, clock, random });
}

class RunningFleet implements Fleet {
  readonly #scenario: Scenario;
  readonly #seed: string | number;
  readonly #deps: FleetDeps & { clock: Clock; random: Random };
  readonly #stats = new FleetStats();
  readonly #clocks: FleetClocks;
  readonly #links = new Map<string, Link>();
  readonly #devices: { plan: DevicePlan; link: Link; device: SimDevice }[];
  readonly #finish = Promise.withResolvers<void>();
  #startedMs = 0;
  #endedMs: number | undefined;
  #stopped: Promise<void> | undefined;
  #isOver = false;

  constructor(
    scenario: Scenario,
    plans: DevicePlan[],
    seed: string | number,
    deps: FleetDeps & { clock: Clock; random: Random },
  ) {
    this.#scenario = scenario;
    this.#seed = seed;
    this.#deps = deps;
    this.#clocks = new FleetClocks({
      ...{ time: scenario.time, plans, clock: deps.clock, random: deps.random.fork('clocks') },
      publish: (device, payload) => this.#links.get(device)?.publish('time', payload, { qos: 0 }),
    });
    const gate = new ConnectGate(scenario.connectConcurrencyMax);
    this.#devices = plans.map((plan, index) => this.#createDevice(plan, index, plans.length, gate));
  }

  get devices(): readonly string[] {
    return this.#devices.map(({ plan }) => plan.id);
  }

  get wasEverUp(): boolean {
    return this.#stats.connects > 0;
  }

  get finished(): Promise<void> {
    return this.#finish.promise;
  }

  start(): void {
    const { clock } = this.#deps;
    const { afterS } = this.#scenario.stop;
    this.#startedMs = clock.monotonicMs();
    for (const { device } of this.#devices) device.start(this.#startedMs);
    if (afterS !== undefined) void delay(clock, afterS * 1_000).then(() => this.#finish.resolve());
  }

  async drain(timeoutMs: number): Promise<void> {
    const { clock } = this.#deps;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    while (!this.#isOver && this.#stats.outstanding > 0 && clock.monotonicMs() < deadlineMs)
      await delay(clock, DRAIN_POLL_MS);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  summary(): Summary {
    return this.#stats.summarise({
      seed: this.#seed,
      devices: this.#devices.length,
      elapsedMs: (this.#endedMs ?? this.#deps.clock.monotonicMs()) - this.#startedMs,
    });
  }

  async #stop(): Promise<void> {
    for (const { device } of this.#devices) device.pause();
    this.#endedMs = this.#deps.clock.monotonicMs();
    if (this.wasEverUp) await this.drain(this.#deps.drainTimeoutMs ?? DRAIN_TIMEOUT_MS);
    this.#clocks.stop();
    await Promise.all(this.#devices.map(({ link }) => link.stop()));
    this.#isOver = true;
  }

  #mayProduce(): boolean {
    const { afterReadings } = this.#scenario.stop;
    if (afterReadings === undefined) return true;
    // Called before the reading is counted: the last one of the run ends it.
    if (this.#stats.sent + 1 >= afterReadings) this.#finish.resolve();
    return this.#stats.sent < afterReadings;
  }

  #createDevice(plan: DevicePlan, index: number, total: number, gate: ConnectGate) {
    const { clock, random, ca, onProblem, createLink } = this.#deps;
    const scenario = this.#scenario;
    const events: DeviceLinkEvents = {
      up: () => {
        device.linkUp();
        this.#clocks.linkUp(plan.id);
      },
      down: (error) => {
        device.linkDown();
        onProblem?.(plan.id, error);
      },
      refused: (error) => onProblem?.(plan.id, error),
      heard: (_kind, payload) => this.#clocks.heard(plan.id, payload),
    };
    const own = random.fork(plan.id);
    const link =
      createLink?.(plan, events) ??
      new DeviceLink({
        site: scenario.site,
        device: plan.id,
        meta: plan.meta,
        brokers: scenario.brokers,
        ownBroker: index % scenario.brokers.length,
        ...credentials(scenario, plan.id),
        ca,
        hears: this.#clocks.hears(plan.id),
        clock,
        random: own.fork('link'),
        gate,
        events,
      });
    this.#links.set(plan.id, link);
    const device = new SimDevice({
      plan,
      boot: bootId(own),
      link,
      clock,
      stamp: () => this.#clocks.stamp(plan.id),
      stats: this.#stats,
      queueReadingsMax: queueReadingsMax(scenario, total),
      windowMax: scenario.windowMax,
      mayProduce: () => this.#mayProduce(),
    });
    return { plan, link, device };
  }
}

function credentials(scenario: Scenario, device: string): { username?: string; password?: string } {
  const { username, password, siteKey } = scenario;
  if (username !== undefined && password !== undefined) return { username, password };
  return siteKey === undefined ? {} : { username: device, password: derivedPassword(siteKey, 'device', device) };
}

function queueReadingsMax(scenario: Scenario, devices: number): number {
  const { min, max } = READINGS_OF_DEVICE;
  const share = Math.min(max, Math.max(min, Math.floor(READINGS_OF_FLEET_MAX / devices)));
  // A queue has to hold the window and one more, since what was under way is not dropped.
  return Math.max(scenario.queueReadingsMax ?? share, scenario.windowMax + 1);
}
