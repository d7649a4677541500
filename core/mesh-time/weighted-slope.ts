export interface Point {
  atMs: number;
  value: number;
  /** Standard deviation that the point is taken to have. */
  sigma: number;
}

/** The slope of a straight line through points, by weighted least squares; undefined when they lie at one moment. */
export function weightedSlope(points: readonly Point[]): number | undefined {
  let sum = 0;
  let sumAt = 0;
  let sumValue = 0;
  for (const { atMs, value, sigma } of points) {
    const weight = 1 / (sigma * sigma);
    sum += weight;
    sumAt += weight * atMs;
    sumValue += weight * value;
  }
  const meanAt = sumAt / sum;
  const meanValue = sumValue / sum;
  let spread = 0;
  let product = 0;
  for (const { atMs, value, sigma } of points) {
    const weight = 1 / (sigma * sigma);
    spread += weight * (atMs - meanAt) ** 2;
    product += weight * (atMs - meanAt) * (value - meanValue);
  }
  return spread > 0 ? product / spread : undefined;
}
