import type { DeviceRow } from '../model/types.ts';
import { Chart } from './chart.ts';
import { hintOf } from './devices.ts';
import { byId, el, setText } from './dom.ts';
import { ago, count, duration, shown } from './format.ts';

/** The panel with the charts of one device. */
export class DetailView {
  readonly #dialog = byId<HTMLDialogElement>('detail');
  readonly #ranges = byId('ranges');
  readonly #charts = new Map<string, Chart>();
  readonly #now: () => number;
  #device: string | undefined;
  #row: DeviceRow | undefined;
  #windowMs = 900_000;

  /** `now` is the server's wall clock; `onClose` is told when a person closes the panel. */
  constructor(options: { now: () => number; onClose: () => void }) {
    this.#now = options.now;
    this.#dialog.addEventListener('close', () => {
      if (this.#device !== undefined) options.onClose();
    });
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    byId('detail-close').addEventListener('click', () => this.#dialog.close());
    this.#ranges.addEventListener('click', (event) => {
      const button = (event.target as Element).closest<HTMLButtonElement>('button[data-span-ms]');
      if (button !== null) this.#span(button);
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      for (const chart of this.#charts.values()) chart.restyle();
    });
  }

  get device(): string | undefined {
    return this.#device;
  }

  open(device: string): void {
    this.#clear();
    this.#device = device;
    setText(byId('detail-title'), device);
    setText(byId('detail-hint'), '');
    byId('charts').replaceChildren(
      el('p', { class: 'empty' }, 'Waiting for this device. When it sends a reading, its charts appear here.'),
    );
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  close(): void {
    this.#clear();
    if (this.#dialog.open) this.#dialog.close();
  }

  update(row: DeviceRow): void {
    if (row.id !== this.#device) return;
    this.#row = row;
    setText(byId('detail-title'), row.name);
    setText(byId('detail-hint'), [hintOf(row), row.model ?? ''].filter((text) => text !== '').join(' · '));
    for (const [metric, value] of Object.entries(row.values)) {
      if (typeof value !== 'number') continue;
      this.#chart(metric).live(value, row.tsMs ?? row.lastSeenMs ?? this.#now());
    }
    this.tick();
  }

  tick(): void {
    const row = this.#row;
    if (row === undefined) return;
    this.#facts(row);
    for (const chart of this.#charts.values()) chart.tick();
  }

  #chart(metric: string): Chart {
    let chart = this.#charts.get(metric);
    if (chart === undefined) {
      const device = this.#device as string;
      if (this.#charts.size === 0) byId('charts').replaceChildren();
      chart = new Chart({ device, metric, windowMs: this.#windowMs, now: this.#now });
      this.#charts.set(metric, chart);
      byId('charts').append(chart.root);
    }
    return chart;
  }

  #facts(row: DeviceRow): void {
    const facts: [string, string][] = [
      ['State', row.state],
      ['Last seen', ago(row.lastSeenMs === null ? null : Math.max(0, this.#now() - row.lastSeenMs))],
      ['Every', row.intervalMs === null ? '–' : duration(row.intervalMs)],
      ['Readings seen', count(row.readings)],
      ...Object.entries(row.values).flatMap(([metric, value]): [string, string][] =>
        typeof value === 'number' ? [] : [[shown(metric, value).label, shown(metric, value).text]],
      ),
    ];
    const list = byId('detail-facts');
    while (list.childElementCount > facts.length) list.lastElementChild?.remove();
    while (list.childElementCount < facts.length) list.append(el('div', {}, el('dt'), el('dd')));
    for (const [index, [name, value]] of facts.entries()) {
      setText(list.children[index]?.children[0] as Element, name);
      setText(list.children[index]?.children[1] as Element, value);
    }
  }

  #span(button: HTMLButtonElement): void {
    for (const other of this.#ranges.children) other.setAttribute('aria-pressed', String(other === button));
    this.#windowMs = Number(button.dataset['spanMs']);
    for (const chart of this.#charts.values()) chart.span(this.#windowMs);
  }

  #clear(): void {
    for (const chart of this.#charts.values()) chart.destroy();
    this.#charts.clear();
    this.#device = undefined;
    this.#row = undefined;
    byId('detail-facts').replaceChildren();
  }
}
