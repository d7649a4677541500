import uPlot from 'uplot';
import { el, setText } from './dom.ts';
import { dateAndTime, shown } from './format.ts';
import { Course, fetchHistory } from './history.ts';

const HEIGHT = 180;
/** A fresh mean from the store replaces the live tail this often at most. */
const REFRESH_MS_MIN = 15_000;
const PX_PER_POINT = 2.5;

/** The chart of one metric of a device. */
export class Chart {
  readonly root: HTMLElement;
  readonly #device: string;
  readonly #metric: string;
  readonly #now: () => number;
  readonly #value: HTMLElement;
  readonly #range: HTMLElement;
  readonly #plotBox: HTMLElement;
  readonly #note: HTMLElement;
  #plot: uPlot | undefined;
  #course: Course;
  #aborter = new AbortController();
  #loadedMs = Number.NEGATIVE_INFINITY;
  #loading = false;

  constructor(options: { device: string; metric: string; windowMs: number; now: () => number }) {
    this.#device = options.device;
    this.#metric = options.metric;
    this.#now = options.now;
    this.#course = new Course(options.windowMs);
    const { label } = shown(options.metric, 0);
    this.#value = el('output', { 'aria-label': `${label}, last value` });
    this.#range = el('p', { class: 'range' });
    this.#note = el('p', { class: 'note' }, 'Loading…');
    this.#plotBox = el('div', { class: 'plot', role: 'img', 'aria-label': `Chart of ${label}` }, this.#note);
    this.root = el(
      'section',
      { class: 'chart', 'data-metric': options.metric },
      el('header', {}, el('h3', {}, label), this.#value),
      this.#plotBox,
      this.#range,
    );
  }

  /** Shows another time span. */
  span(windowMs: number): void {
    this.#course = new Course(windowMs);
    this.#loadedMs = Number.NEGATIVE_INFINITY;
    this.#aborter.abort();
    this.#aborter = new AbortController();
    this.#loading = false;
    this.tick();
  }

  live(value: number, tsMs: number): void {
    const { text, symbol } = shown(this.#metric, value);
    this.#value.replaceChildren(text, el('small', {}, ` ${symbol}`));
    this.#course.append(value, tsMs);
  }

  /** Draws, and reloads when the means in the store say more than the live tail. */
  tick(): void {
    const nowMs = performance.now();
    if (!this.#loading && nowMs - this.#loadedMs > Math.max(REFRESH_MS_MIN, this.#course.bucketMs)) void this.#load();
    else this.#draw();
  }

  /** Colours come from the style sheet; after a change of scheme the chart is made anew. */
  restyle(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    this.#draw();
  }

  destroy(): void {
    this.#aborter.abort();
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  async #load(): Promise<void> {
    const course = this.#course;
    const { signal } = this.#aborter;
    this.#loading = true;
    try {
      const points = Math.max(60, Math.round(this.#plotBox.clientWidth / PX_PER_POINT));
      course.load(await fetchHistory(this.#device, this.#metric, course.windowMs, points, signal));
      setText(
        this.#note,
        course.isEmpty ? 'No readings in this time span. Choose a longer one, or wait for the next reading.' : '',
      );
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message : 'The console does not answer.';
      if (course.isEmpty) setText(this.#note, `No history: ${reason} New readings are drawn as they come.`);
    }
    this.#loadedMs = performance.now();
    this.#loading = false;
    this.#draw();
  }

  #draw(): void {
    if (this.#course.isEmpty || this.#plotBox.clientWidth === 0) {
      this.#plot?.destroy();
      this.#plot = undefined;
      setText(this.#range, '');
      return;
    }
    setText(this.#note, '');
    this.#plot ??= this.#create();
    const width = this.#plotBox.clientWidth;
    if (this.#plot.width !== width) this.#plot.setSize({ width, height: HEIGHT });
    this.#plot.setData(this.#course.data());
    const extent = this.#course.extent();
    if (extent === undefined) return;
    const words = [
      `min ${this.#text(extent.low)}`,
      `mean ${this.#text(extent.mean)}`,
      `max ${this.#text(extent.high)}`,
    ];
    setText(this.#range, words.join(' · '));
  }

  #text(value: number): string {
    const { text, symbol } = shown(this.#metric, value);
    return `${text} ${symbol}`.trimEnd();
  }

  #create(): uPlot {
    const style = getComputedStyle(document.documentElement);
    const color = (name: string): string => style.getPropertyValue(name).trim();
    const axis = {
      stroke: color('--soft'),
      grid: { stroke: color('--line'), width: 1 },
      ticks: { show: false },
      font: `11px ${style.fontFamily}`,
    };
    return new uPlot(
      {
        width: this.#plotBox.clientWidth,
        height: HEIGHT,
        padding: [10, 6, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { size: 7 } },
        scales: {
          x: {
            time: true,
            range: () => {
              const nowMs = this.#now();
              return [(nowMs - this.#course.windowMs) / 1_000, nowMs / 1_000];
            },
          },
          y: { range: (_plot, low, high) => room(low, high) },
        },
        axes: [
          { ...axis, values: clockLabels, space: 70, size: 26 },
          { ...axis, size: 54, space: 32 },
        ],
        series: [
          {},
          {
            stroke: color('--accent'),
            fill: color('--accent-soft'),
            width: 1.8,
            points: { show: (_plot, _series, first, last) => last - first < 3, size: 5 },
          },
        ],
        hooks: { setCursor: [(plot) => this.#tell(plot)] },
      },
      this.#course.data(),
      this.#plotBox,
    );
  }

  /** The value under the pointer, in the line below. */
  #tell(plot: uPlot): void {
    const index = plot.cursor.idx;
    if (index === null || index === undefined) return;
    const time = plot.data[0][index];
    const value = plot.data[1]?.[index];
    if (time === undefined || typeof value !== 'number') return;
    setText(this.#range, `${dateAndTime(time * 1_000)}: ${this.#text(value)}`);
  }
}

/** A little air above and below; a value that does not move lies in the middle. */
function room(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const margin = high === low ? Math.max(Math.abs(high) * 0.05, 0.5) : (high - low) * 0.12;
  return [low - margin, high + margin];
}

/** Times of day in 24 hours, whatever the locale of the machine. */
function clockLabels(_plot: uPlot, times: number[]): string[] {
  const step = (times[1] ?? 0) - (times[0] ?? 0);
  return times.map((time) => {
    const date = new Date(time * 1_000);
    const parts = [date.getHours(), date.getMinutes(), ...(step < 60 && step > 0 ? [date.getSeconds()] : [])];
    return parts.map((part) => String(part).padStart(2, '0')).join(':');
  });
}
