import type { Random } from '../../core/random/index.ts';

export interface NoiseShape {
  /** Standard deviation of the values. */
  sd: number;
  /** Correlation time τ in seconds: after τ, 37 % of a deviation is left. */
  timeS: number;
}

/**
 * First-order autoregressive noise, AR(1), the discrete Ornstein-Uhlenbeck process (Uhlenbeck & Ornstein 1930):
 *
 *     x' = φ·x + sd·√(1 − φ²)·N(0, 1),   φ = exp(−Δt / τ)
 *
 * It starts from its own stationary distribution, so the first values are no different from the later ones.
 * Each call gives the value one step of stepMs later.
 */
export function autoregressive(random: Random, shape: NoiseShape, stepMs: number): () => number {
  const phi = Math.exp(-stepMs / (shape.timeS * 1_000));
  const innovationSd = shape.sd * Math.sqrt(1 - phi * phi);
  let value = shape.sd * random.gaussian();
  return () => {
    const now = value;
    value = phi * value + innovationSd * random.gaussian();
    return now;
  };
}

/**
 * The same process as a function of time (elapsedMs must not go back), straight lines between its steps. Devices of one
 * room walk a copy each from the same seed, so they agree without sharing state, whatever the order they are asked in.
 */
export function autoregressiveAt(random: Random, shape: NoiseShape, stepMs: number): (elapsedMs: number) => number {
  const next = autoregressive(random, shape, stepMs);
  let step = 0;
  let left = next();
  let right = next();
  return (elapsedMs) => {
    const position = elapsedMs / stepMs;
    while (step + 1 <= position) {
      step++;
      left = right;
      right = next();
    }
    return left + (right - left) * (position - step);
  };
}
