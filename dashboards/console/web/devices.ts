import type { DeviceRow } from '../model/types.ts';
import { el, setAttribute, setText } from './dom.ts';
import { ago, duration, shown } from './format.ts';
import { sparkElement, sparkPoints } from './spark.ts';

const VALUES_SHOWN = 4;

interface RowElements {
  root: HTMLTableRowElement;
  update(row: DeviceRow): void;
  tick(nowMs: number): void;
}

const STATE_WORDS: Record<DeviceRow['state'], string> = { online: 'Online', silent: 'Silent', offline: 'Offline' };

/** The table of devices; it touches only what has changed. */
export class DevicesView {
  readonly #body: HTMLElement;
  readonly #rows = new Map<string, RowElements>();

  constructor(body: HTMLElement) {
    this.#body = body;
  }

  update(row: DeviceRow): void {
    this.#rows.get(row.id)?.update(row);
  }

  /** Shows these rows in this order. */
  order(ids: readonly string[], rowOf: (id: string) => DeviceRow | undefined): void {
    const keep = new Set(ids);
    for (const [id, elements] of this.#rows) {
      if (keep.has(id)) continue;
      elements.root.remove();
      this.#rows.delete(id);
    }
    let after: Element | null = null;
    for (const id of ids) {
      const row = rowOf(id);
      if (row === undefined) continue;
      let elements = this.#rows.get(id);
      if (elements === undefined) {
        elements = rowElements(id);
        elements.update(row);
        this.#rows.set(id, elements);
      }
      const next: Element | null = after === null ? this.#body.firstElementChild : after.nextElementSibling;
      if (next !== elements.root) this.#body.insertBefore(elements.root, next);
      after = elements.root;
    }
  }

  /** Ages grow without any event. */
  tick(nowMs: number): void {
    for (const elements of this.#rows.values()) elements.tick(nowMs);
  }
}

function rowElements(id: string): RowElements {
  const dot = el('span', { class: 'dot', role: 'img' });
  const name = el('a', { href: `#/device/${encodeURIComponent(id)}` });
  const hint = el('span', { class: 'hint' });
  const values = el('div', { class: 'values' });
  const spark = sparkElement();
  const every = el('td', { class: 'num every' });
  const seen = el('td', { class: 'num seen' });
  const root = el(
    'tr',
    { 'data-device': id },
    el('td', { class: 'who-cell' }, el('div', { class: 'who' }, dot, name, hint)),
    el('td', { class: 'values-cell' }, values),
    el('td', { class: 'spark-cell' }, spark.root),
    every,
    seen,
  );
  let lastSeenMs: number | null = null;
  return {
    root,
    update(row) {
      lastSeenMs = row.lastSeenMs;
      setAttribute(dot, 'data-state', row.state);
      setAttribute(dot, 'aria-label', STATE_WORDS[row.state]);
      setText(name, row.name);
      setText(hint, hintOf(row));
      showValues(values, row);
      setText(every, row.intervalMs === null ? '–' : duration(row.intervalMs));
      setAttribute(spark.line, 'points', row.spark === null ? '' : sparkPoints(row.spark.values));
    },
    tick(nowMs) {
      setText(seen, ago(lastSeenMs === null ? null : Math.max(0, nowMs - lastSeenMs)));
    },
  };
}

/** Where it stands and what it is; the id only where the name hides it. */
export function hintOf(row: DeviceRow): string {
  const sources: Record<DeviceRow['source'], string> = {
    simulated: 'simulated',
    replay: 'recorded data',
    sensor: 'real sensor',
    unknown: '',
  };
  return [row.name === row.id ? '' : row.id, row.area ?? '', sources[row.source]]
    .filter((text) => text !== '')
    .join(' · ');
}

function showValues(box: HTMLElement, row: DeviceRow): void {
  const entries = Object.entries(row.values);
  const visible = entries.slice(0, VALUES_SHOWN);
  const more = entries.length - visible.length;
  const wanted = visible.length + (more > 0 ? 1 : 0);
  while (box.childElementCount > wanted) box.lastElementChild?.remove();
  while (box.childElementCount < wanted) box.append(el('span', { class: 'value' }, el('b'), el('small')));
  for (const [index, [metric, value]] of visible.entries()) {
    const { label, text, symbol } = shown(metric, value);
    showValue(
      box.children[index] as Element,
      text,
      symbol === '' && typeof value !== 'string' ? ` ${label}` : ` ${symbol}`,
      label,
    );
  }
  if (more > 0) showValue(box.children[wanted - 1] as Element, '', `+${more} more`, '');
}

function showValue(box: Element, text: string, unit: string, label: string): void {
  setText(box.children[0] as Element, text);
  setText(box.children[1] as Element, unit);
  setAttribute(box, 'title', label);
}
