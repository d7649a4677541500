import { createHash, randomBytes } from 'node:crypto';

/** A stream of random numbers. Passed in everywhere, so that a seed replays a run exactly. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform whole number in [0, bound). */
  below(bound: number): number;
  /** Standard normal: mean 0, variance 1. */
  gaussian(): number;
  /** An independent stream for a named part, so that a new part does not shift the numbers of the others. */
  fork(name: string): Random;
}

/**
 * A seeded stream: sfc32 (Chris Doty-Humphrey, PractRand), its state taken from SHA-256 of the seed.
 * The same seed gives the same numbers on every machine.
 */
export function seededRandom(seed: string | number): Random {
  const digest = createHash('sha256').update(String(seed)).digest();
  let a = digest.readUInt32LE(0);
  let b = digest.readUInt32LE(4);
  let c = digest.readUInt32LE(8);
  let counter = 1;
  let spare: number | undefined;

  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 4_294_967_296;
  };

  /** Box and Muller 1958; two values from two, so one is kept. */
  const gaussian = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    const angle = 2 * Math.PI * next();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };

  for (let warmUp = 0; warmUp < 12; warmUp++) next();
  return {
    next,
    below: (bound) => Math.floor(next() * bound),
    gaussian,
    fork: (name) => seededRandom(`${seed}/${name}`),
  };
}

/** A stream that nobody can predict or replay; for jitter and ids outside simulations. */
export function systemRandom(): Random {
  return seededRandom(randomBytes(16).toString('hex'));
}
