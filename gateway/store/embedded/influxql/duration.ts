const UNITS_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  u: 1_000n,
  µ: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

const PART = /(\d+)(ns|ms|u|µ|s|m|h|d|w)/gy;

/** Reads a duration such as `1h30m` at a place of a text; undefined when none starts there. */
export function durationAt(text: string, start: number): { ns: bigint; end: number } | undefined {
  PART.lastIndex = start;
  let ns = 0n;
  let end = start;
  for (let match = PART.exec(text); match !== null; match = PART.exec(text)) {
    ns += BigInt(match[1] as string) * (UNITS_NS[match[2] as string] as bigint);
    end = PART.lastIndex;
  }
  return end === start ? undefined : { ns, end };
}

/** As influxd shows the duration of a policy: `168h0m0s`, and `0s` for none. */
export function formatDuration(ns: bigint): string {
  const units = [
    ['h', 3_600_000_000_000n],
    ['m', 60_000_000_000n],
    ['s', 1_000_000_000n],
  ] as const;
  let text = '';
  let rest = ns;
  for (const [unit, unitNs] of units) {
    if (text !== '' || rest >= unitNs || unit === 's') text += `${rest / unitNs}${unit}`;
    rest %= unitNs;
  }
  return text;
}
