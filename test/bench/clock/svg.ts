export interface Series {
  label: string;
  colour: string;
  /** Seconds, and the value then. */
  points: readonly (readonly [number, number])[];
}

/** One chart below the other, each with a scale of its own. */
export interface Panel {
  title: string;
  unit: string;
  /** One or more, each with a point or more. */
  series: readonly Series[];
}

const WIDTH = 960;
const LEFT = 90;
const RIGHT = 20;
const PANEL_HEIGHT = 240;
const PANEL_TOP = 48;
const TITLE_HEIGHT = 40;
const TEXT = '#222222';
const GRID = '#d5d5d5';

/** Lines over time around zero, as one SVG document. */
export function lineCharts(title: string, panels: readonly Panel[]): string {
  const height = TITLE_HEIGHT + panels.length * (PANEL_TOP + PANEL_HEIGHT) + 40;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
      'font-family="system-ui, sans-serif" font-size="12">',
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(16, 26, title, 16),
    ...panels.map((panel, at) => panelOf(panel, TITLE_HEIGHT + at * (PANEL_TOP + PANEL_HEIGHT))),
    text(LEFT, height - 12, 'seconds'),
    '</svg>',
    '',
  ].join('\n');
}

function panelOf({ title, unit, series }: Panel, top: number): string {
  const points = series.flatMap((each) => each.points);
  const limit = niceCeiling(Math.max(...points.map(([, value]) => Math.abs(value))));
  const endS = Math.max(1, ...points.map(([atS]) => atS));
  const middle = top + PANEL_TOP + PANEL_HEIGHT / 2;
  const x = (atS: number): number => LEFT + (atS / endS) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => middle - (value / limit) * (PANEL_HEIGHT / 2);
  const grid = [-limit, -limit / 2, 0, limit / 2, limit].map((value) => {
    const line = `<line x1="${LEFT}" y1="${y(value)}" x2="${WIDTH - RIGHT}" y2="${y(value)}" stroke="${value === 0 ? TEXT : GRID}"/>`;
    return line + text(8, y(value) + 4, `${value} ${unit}`);
  });
  const lines = series.map(({ colour, points: own }) => {
    const path = own.map(([atS, value]) => `${x(atS).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  });
  const legend = series.map(({ label, colour }, at) => text(400 + at * 270, top + 30, label, 12, colour));
  const ticks = text(x(endS) - 24, top + PANEL_TOP + PANEL_HEIGHT + 14, endS.toFixed(0));
  return [text(LEFT, top + 30, title, 13), ...legend, ...grid, ...lines, ticks].join('\n');
}

/** The least of 1, 2 and 5 times a power of ten that is not below the value. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5].find((each) => each * power >= value) ?? 10;
  return factor * power;
}

function text(x: number, y: number, content: string, size = 12, colour = TEXT): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" fill="${colour}">${escaped}</text>`;
}
