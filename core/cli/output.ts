/** Whole numbers with thin groups of three, as people read them. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** Columns under their headings, each as wide as its widest cell. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(headings), ...rows.map(line)].join('\n');
}

/** Bytes in the largest unit that they fill: 512 B, 1.5 MiB. */
export function bytes(value: number): string {
  if (value < 1_024) return `${Math.round(value)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length, Math.floor(Math.log2(value) / 10));
  return `${(value / 1_024 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** A time in one unit: 0.4 ms, 12 ms, 4.2 s, 3 min, 5 h, 2 d. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 90_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} d`;
}

/** A short time, to three digits or so: 12 µs, 1.25 ms, 34 ms, and as `duration` from there. */
export function shortDuration(ms: number): string {
  if (ms < 0.9995) return `${Math.round(ms * 1_000)} µs`;
  return ms < 10 ? `${ms.toFixed(2)} ms` : duration(ms);
}

/** With its sign, also when that is a plus: +12 µs, -1.25 ms. */
export function signed(value: number, text: (magnitude: number) => string): string {
  return `${value < 0 ? '-' : '+'}${text(Math.abs(value))}`;
}
