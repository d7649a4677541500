import type { Random } from '../../../core/random/index.ts';
import type { FaultProfile } from '../world/faults/index.ts';
import type { Delay } from '../world/network.ts';

/** What a site of gateways is put through. */
export interface ClockScenario {
  name: ScenarioName;
  gateways: number;
  delay: Delay;
  /** Share of the messages that are lost. */
  loss: number;
  /** Gateways, by process, whose clocks and words are wrong. */
  liars: readonly { process: number; kind: 'tenSeconds' | 'drifting' }[];
  /** One way between two gateways that takes so much longer than the way back. */
  asymmetryMs: number;
  /** The leader is killed every so often, and starts again after restartMs. */
  killEveryMs: number | undefined;
  restartMs: number;
  /** The gateways have references outside that are right to within so much. */
  referenceMs: number | undefined;
  /** When the references are lost; undefined: never. */
  referenceEndMs: number | undefined;
  faults: FaultProfile;
  endMs: number;
  /** Spreads count from then on. */
  settledMs: number;
  /** What the spread between any two honest gateways has to keep to, p99 over all seeds. */
  spreadGoalMs: number | undefined;
}

export const SCENARIOS = [
  'lan',
  'lossy',
  'wifi',
  'liars',
  'asymmetric',
  'masterKilled',
  'reference',
  'faults',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

const WIRED: Delay = { minMs: 0.1, meanMs: 0.2, tailRate: 0, tailMs: 0 };
const WIFI: Delay = { minMs: 2, meanMs: 7, tailRate: 0, tailMs: 0 };

const BASE: Omit<ClockScenario, 'name'> = {
  gateways: 5,
  delay: WIRED,
  loss: 0,
  liars: [],
  asymmetryMs: 0,
  killEveryMs: undefined,
  restartMs: 3_000,
  referenceMs: undefined,
  referenceEndMs: undefined,
  faults: 'calm',
  endMs: 260_000,
  settledMs: 210_000,
  spreadGoalMs: undefined,
};

export function scenarioOf(name: ScenarioName, random: Random): ClockScenario {
  switch (name) {
    case 'lan':
      return { ...BASE, name, spreadGoalMs: 0.1 };
    case 'lossy':
      return { ...BASE, name, loss: 0.33, spreadGoalMs: 0.15 };
    case 'wifi':
      return { ...BASE, name, delay: WIFI, spreadGoalMs: 2.5 };
    case 'liars': {
      // Any two of seven, the first leader not among them: nobody can help those who elect a liar.
      const first = 2 + random.below(6);
      const second = 2 + ((first - 2 + 1 + random.below(5)) % 6);
      const liars = [
        { process: first, kind: 'tenSeconds' as const },
        { process: second, kind: 'drifting' as const },
      ];
      return { ...BASE, name, gateways: 7, liars, spreadGoalMs: 0.1 };
    }
    case 'asymmetric':
      return { ...BASE, name, asymmetryMs: 4, spreadGoalMs: 2.2 };
    case 'masterKilled':
      return { ...BASE, name, killEveryMs: 10_000, spreadGoalMs: 0.5 };
    case 'reference':
      return { ...BASE, name, referenceMs: 5, referenceEndMs: random.next() < 0.5 ? 150_000 : undefined };
    case 'faults':
      return { ...BASE, name, faults: 'everything', referenceMs: random.next() < 0.3 ? 5 : undefined };
  }
}
