import type { Random } from '../../../../core/random/index.ts';
import type { Fault, FaultProfile } from '../../world/faults/index.ts';
import type { SimulationOptions } from '../index.ts';
import type { Scenario } from '../scenario.ts';

/** A mistake that somebody could make, put into the production classes or the adapter for as long as a test runs. */
export interface PlantedBug {
  name: string;
  /** Returns what takes it out again. */
  plant?: () => () => void;
  options?: Pick<SimulationOptions, 'openDisk' | 'admission'>;
  profile?: FaultProfile;
  scenario?: Partial<Scenario>;
  /** Faults that are aimed at the mistake, in place of those of the profile. */
  faults?: (random: Random) => Fault[];
  /** The first seed that is tried; above 1 for what only some seeds in a hundred show. */
  firstSeed?: number;
}

export function replace<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  make: (right: T[K]) => T[K],
): () => void {
  const right = prototype[name];
  prototype[name] = make(right);
  return () => {
    prototype[name] = right;
  };
}

export function replaceGetter<T extends object>(prototype: T, name: keyof T, get: () => unknown): () => void {
  const right = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
  Object.defineProperty(prototype, name, { ...right, get });
  return () => Object.defineProperty(prototype, name, right);
}
