import type { Random } from '../core/random/index.ts';
import { VERSION } from '../core/version.ts';
import type { DeviceMeta } from '../core/wire/index.ts';
import type { ClockFault } from './clock/index.ts';
import { buildGenerator, type Generator } from './generators/generator.ts';
import { loadMotes, MOTE_INTERVAL_MS, type MoteRecording, replay } from './replay/motes.ts';
import { deviceIds, type MoteReplayFleet, type Scenario, type SimulatedFleet } from './scenario.ts';

/** One device, ready to run: on the network or in virtual time. */
export interface DevicePlan {
  id: string;
  /** When it comes up, ms after the fleet's start. */
  startMs: number;
  /** When its first reading is due, ms after the fleet's start. */
  firstDueMs: number;
  intervalMs: number;
  qos: 0 | 1;
  meta: DeviceMeta;
  /** What is wrong with its clock; nothing when left out. */
  clockFault?: ClockFault | undefined;
  /** Stateful: one run each. */
  generator: Generator;
}

const RAMP_UP_MS_PER_DEVICE = 5;

/** Expands a scenario into its devices. Deterministic: the same scenario and stream give the same plan and values. */
export async function planDevices(scenario: Scenario, random: Random): Promise<DevicePlan[]> {
  const total = scenario.fleets.reduce((sum, fleet) => sum + deviceIds(fleet).length, 0);
  const rampStepMs = (scenario.rampUpMs ?? total * RAMP_UP_MS_PER_DEVICE) / total;
  const motes = scenario.fleets.some(({ kind }) => kind === 'mote-replay') ? await loadMotes() : [];
  const plans: DevicePlan[] = [];
  for (const fleet of scenario.fleets) {
    const fleetRandom = random.fork(fleet.prefix);
    deviceIds(fleet).forEach((id, index) => {
      const startMs = plans.length * rampStepMs;
      plans.push(
        fleet.kind === 'simulated'
          ? simulatedDevice(scenario, fleet, fleetRandom, id, index, startMs)
          : moteDevice(fleet, motes[index] as MoteRecording, fleetRandom, id, startMs),
      );
    });
  }
  return plans;
}

function simulatedDevice(
  scenario: Scenario,
  fleet: SimulatedFleet,
  random: Random,
  id: string,
  index: number,
  startMs: number,
): DevicePlan {
  const device = random.fork(id);
  const roomNumber = Math.floor(index / fleet.devicesPerRoom) + 1;
  const phaseMs = fleet.phaseJitter ? device.fork('phase').next() * fleet.intervalMs : 0;
  return {
    id,
    startMs,
    firstDueMs: startMs + phaseMs,
    intervalMs: fleet.intervalMs,
    qos: fleet.qos,
    clockFault: fleet.clock,
    meta: {
      name: id,
      manufacturer: 'lattice-sim',
      model: 'simulated climate sensor',
      software: VERSION,
      source: 'simulated',
      area: `${fleet.prefix} room ${roomNumber}`,
    },
    generator: buildGenerator({
      metrics: fleet.metrics,
      intervalMs: fleet.intervalMs,
      startHour: scenario.startHour,
      device,
      room: random.fork(`room/${roomNumber}`),
    }),
  };
}

function moteDevice(
  fleet: MoteReplayFleet,
  recording: MoteRecording,
  random: Random,
  id: string,
  startMs: number,
): DevicePlan {
  const intervalMs = MOTE_INTERVAL_MS / fleet.speed;
  return {
    id,
    startMs,
    // The motes were not in step either.
    firstDueMs: startMs + random.fork(id).next() * intervalMs,
    intervalMs,
    qos: fleet.qos,
    meta: {
      name: `Mote ${recording.mote}`,
      manufacturer: 'lattice-sim',
      model: 'TelosB mote, recorded 2010',
      software: VERSION,
      source: 'replay',
      area: recording.isIndoor ? 'indoors' : 'outdoors',
    },
    generator: replay(recording, fleet.withLabel),
  };
}
