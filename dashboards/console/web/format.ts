import { type Metric, metricOf } from '../../../core/wire/metrics.ts';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function count(value: number): string {
  return whole.format(value);
}

/** 0.42, 4.2, 42 and 4,200: as many digits as say something. */
export function rate(perS: number | null): string {
  if (perS === null) return '–';
  const decimals = perS >= 100 || Number.isInteger(perS) ? 0 : perS >= 1 ? 1 : 2;
  return new Intl.NumberFormat('en', { maximumFractionDigits: decimals }).format(perS);
}

/** A duration in one unit: 350 ms, 4.2 s, 3 min, 5 h, 2 d. */
export function duration(ms: number): string {
  if (ms < 1) return '<1 ms';
  if (ms < 995) return `${ms < 100 ? Math.round(ms) : Math.round(ms / 10) * 10} ms`;
  const s = ms / 1_000;
  if (s < 9.95) return `${s.toFixed(1).replace(/\.0$/, '')} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5_400) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${Math.round(s / 3_600)} h` : `${Math.round(s / 86_400)} d`;
}

/** A time of which microseconds matter: 12 µs, 1.25 ms, 34 ms, and as `duration` from there. */
export function fine(ms: number): string {
  if (ms < 0.9995) return `${Math.round(ms * 1_000)} µs`;
  return ms < 10 ? `${ms.toFixed(2)} ms` : duration(ms);
}

export function signedFine(ms: number): string {
  return `${ms < 0 ? '−' : '+'}${fine(Math.abs(ms))}`;
}

export function ago(ms: number | null): string {
  if (ms === null) return 'never';
  if (ms < 1_500) return 'now';
  return `${duration(ms < 90_000 ? Math.round(ms / 1_000) * 1_000 : ms)} ago`;
}

export function bytes(value: number): string {
  if (value < 1_024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length, Math.floor(Math.log2(value) / 10));
  return `${(value / 1_024 ** power).toFixed(1)} ${units[power - 1]}`;
}

export interface ShownValue {
  label: string;
  text: string;
  symbol: string;
}

/** A value as a person reads it, with the label and the unit of the metric table. */
export function shown(metric: string, value: number | boolean | string): ShownValue {
  const row: Metric | undefined = metricOf(metric);
  const suffix = /_(\d+)$/.exec(metric)?.[1];
  const label =
    row === undefined ? metric.replaceAll('_', ' ') : `${row.label}${suffix === undefined ? '' : ` ${suffix}`}`;
  if (metric === 'uptime' && typeof value === 'number') return { label, text: duration(value * 1_000), symbol: '' };
  if (typeof value === 'boolean') return { label, text: value ? 'on' : 'off', symbol: '' };
  if (typeof value === 'string') return { label, text: value, symbol: '' };
  const decimals = row?.decimals ?? (Number.isInteger(value) ? 0 : 2);
  const text = new Intl.NumberFormat('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(
    value,
  );
  return { label, text, symbol: row?.symbol ?? '' };
}

/** The time of day in 24 hours, as on the charts. */
export function timeOfDay(wallMs: number): string {
  return new Date(wallMs).toLocaleTimeString('en-GB');
}

export function dateAndTime(wallMs: number): string {
  return new Date(wallMs).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
}
