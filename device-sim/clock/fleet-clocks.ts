import { MqttTime } from '../../core/mesh-clock/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { TimeQuality, TopicKind } from '../../core/wire/index.ts';
import type { DevicePlan } from '../plan.ts';
import { FaultyClock } from './clock-fault.ts';

export interface Stamp {
  tsMs: number;
  timeQuality: TimeQuality;
}

export interface FleetClocksOptions {
  /** `system`: devices stamp by their own clocks; `mesh`: they follow the gateways' time. */
  time: 'system' | 'mesh';
  plans: readonly DevicePlan[];
  clock: Clock;
  random: Random;
  /** Publishes to the topic `time` of a device, if it is connected. */
  publish: (device: string, payload: string) => void;
}

/** So many devices ask for all whose clocks are well: they share one clock, that of this process. */
const CARRIERS_MAX = 4;

/**
 * The clocks of a fleet. Devices with a fault have clocks of their own, and follow the mesh by themselves; all others share one, and
 * one follower, so that a thousand of them ask no more than one.
 */
export class FleetClocks {
  readonly #clock: Clock;
  readonly #time: FleetClocksOptions['time'];
  /** Of devices with a fault. */
  readonly #own = new Map<string, Clock>();
  /** Who asks and hears, and for which follower. */
  readonly #followers = new Map<string, MqttTime>();
  #shared: MqttTime | undefined;

  constructor({ time, plans, clock, random, publish }: FleetClocksOptions) {
    this.#clock = clock;
    this.#time = time;
    const follower = (name: string, its: Clock, servers: string[]): MqttTime =>
      new MqttTime({ clock: its, random: random.fork(name), servers, publish });
    const healthy: string[] = [];
    for (const { id, clockFault } of plans) {
      if (clockFault === undefined) {
        healthy.push(id);
        continue;
      }
      const own = new FaultyClock(clock, clockFault);
      this.#own.set(id, own);
      if (time === 'mesh') this.#followers.set(id, follower(id, own, [id]));
    }
    const carriers = healthy.slice(0, CARRIERS_MAX);
    if (time === 'system' || carriers.length === 0) return;
    this.#shared = follower('', clock, carriers);
    for (const id of carriers) this.#followers.set(id, this.#shared);
  }

  /** Kinds of its topics that a device has to subscribe to. */
  hears(device: string): TopicKind[] {
    return this.#followers.has(device) ? ['now'] : [];
  }

  linkUp(device: string): void {
    this.#followers.get(device)?.clock.start();
  }

  heard(device: string, payload: Uint8Array): void {
    this.#followers.get(device)?.heard(payload);
  }

  stamp(device: string): Stamp {
    const own = this.#own.get(device);
    if (this.#time === 'system') {
      return { tsMs: (own ?? this.#clock).wallMs(), timeQuality: own === undefined ? 'sync' : 'est' };
    }
    const clock = (own === undefined ? this.#shared : this.#followers.get(device))?.clock;
    return {
      tsMs: (clock ?? this.#clock).wallMs(),
      timeQuality: clock?.isSynchronised ? 'sync' : 'est',
    };
  }

  stop(): void {
    for (const { clock } of this.#followers.values()) clock.stop();
  }
}
