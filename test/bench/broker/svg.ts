/** One bar: how many times better than the peer, more is better; the whisker goes from the worst round to the best. */
export interface Bar {
  group: string;
  label: string;
  /** All above 0. */
  times: number;
  min: number;
  max: number;
  /** Where the bar should reach; none without a goal. */
  goal?: number | undefined;
}

const WIDTH = 960;
const LABEL_WIDTH = 400;
const RIGHT_MARGIN = 90;
const ROW_HEIGHT = 20;
const TOP = 64;
const FOOT_LINE_HEIGHT = 16;
const COLOURS = { better: '#2a7d4f', worse: '#b4462f', goal: '#1f3b73', grid: '#d5d5d5', text: '#222222' };

/**
 * A chart of bars as one SVG document, on a logarithmic scale, since twice as fast and half as fast are the same distance from
 * equal. The foot is what a reader has to know to judge it.
 */
export function barChart(title: string, bars: readonly Bar[], foot: readonly string[]): string {
  const scale = logScale(bars.flatMap(({ times, min, max, goal = times }) => [times, min, max, goal]));
  const rows = bars.map((bar, at) => rowOf(bar, bars[at - 1]?.group !== bar.group, TOP + at * ROW_HEIGHT, scale.x));
  const bottom = TOP + bars.length * ROW_HEIGHT;
  const grid = scale.ticks.map((tick) => {
    const x = scale.x(tick);
    const colour = tick === 1 ? COLOURS.text : COLOURS.grid;
    return (
      line(x, TOP - 6, x, bottom, colour) +
      text(x, TOP - 12, tick < 1 ? `1/${Math.round(1 / tick)}` : `${tick}`, { anchor: 'middle' })
    );
  });
  const notes = foot.map((note, at) => text(16, bottom + 26 + at * FOOT_LINE_HEIGHT, note));
  const height = bottom + 26 + foot.length * FOOT_LINE_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
      'font-family="system-ui, sans-serif" font-size="12">',
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(16, 26, title, { size: 16 }),
    ...grid,
    ...rows,
    ...notes,
    '</svg>',
    '',
  ].join('\n');
}

/** From a power of two at or below the least to one at or above the most, with 1 between them. */
function logScale(values: readonly number[]): { ticks: number[]; x: (value: number) => number } {
  const low = Math.floor(Math.log2(Math.min(0.5, ...values)));
  const high = Math.ceil(Math.log2(Math.max(2, ...values)));
  const width = WIDTH - LABEL_WIDTH - RIGHT_MARGIN;
  const x = (value: number): number => LABEL_WIDTH + ((Math.log2(value) - low) / (high - low)) * width;
  return { ticks: Array.from({ length: high - low + 1 }, (_, at) => 2 ** (low + at)), x };
}

function rowOf(
  { group, label, times, min, max, goal }: Bar,
  isFirst: boolean,
  y: number,
  x: (v: number) => number,
): string {
  const [left, right] = [Math.min(x(1), x(times)), Math.max(x(1), x(times))];
  const middle = y + ROW_HEIGHT / 2;
  const colour = times >= 1 ? COLOURS.better : COLOURS.worse;
  return [
    isFirst ? text(16, middle + 4, group) : '',
    text(LABEL_WIDTH - 12, middle + 4, label, { anchor: 'end' }),
    `<rect x="${left.toFixed(1)}" y="${y + 4}" width="${(right - left).toFixed(1)}" height="${ROW_HEIGHT - 8}" fill="${colour}"/>`,
    line(x(min), middle, x(max), middle, COLOURS.text),
    goal === undefined ? '' : line(x(goal), y + 1, x(goal), y + ROW_HEIGHT - 1, COLOURS.goal, 3),
    text(WIDTH - RIGHT_MARGIN + 12, middle + 4, `${times.toFixed(2)} times`),
  ].join('');
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string, width = 1): string {
  const [fromX, toX] = [x1.toFixed(1), x2.toFixed(1)];
  return `<line x1="${fromX}" y1="${y1}" x2="${toX}" y2="${y2}" stroke="${colour}" stroke-width="${width}"/>`;
}

function text(x: number, y: number, content: string, { anchor = 'start', size = 12 } = {}): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const at = `x="${x.toFixed(1)}" y="${y}"`;
  return `<text ${at} text-anchor="${anchor}" font-size="${size}" fill="${COLOURS.text}">${escaped}</text>`;
}
