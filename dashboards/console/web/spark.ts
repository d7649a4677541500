import { svg } from './dom.ts';

const WIDTH = 110;
const HEIGHT = 28;
const MARGIN = 3;

export function sparkElement(): { root: SVGSVGElement; line: SVGPolylineElement } {
  const line = svg('polyline', { points: '' });
  const root = svg('svg', { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true' }, line);
  return { root, line };
}

/** The points of a polyline that fills the little chart. */
export function sparkPoints(values: readonly number[]): string {
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  const step = WIDTH / Math.max(1, values.length - 1);
  return values
    .map((value, index) => {
      // A value that does not move is a line through the middle, not along the floor.
      const share = span === 0 ? 0.5 : (value - low) / span;
      return `${(index * step).toFixed(1)},${(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)).toFixed(1)}`;
    })
    .join(' ');
}
