const NS_PER_MS = 1_000_000n;
const NS_PER_MINUTE = 60_000_000_000n;
/** No zone changes its offset within a quarter of an hour. */
const MS_PER_STEP = 900_000;
const CACHE_MAX = 10_000;

const cache = new Map<string, bigint>();

/** How far a zone's clocks are ahead of UTC at a time, in ns. */
export function zoneOffsetNs(zone: string, timeNs: bigint): bigint {
  const step = Math.floor(Number(timeNs / NS_PER_MS) / MS_PER_STEP);
  const key = `${zone} ${step}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(
    step * MS_PER_STEP,
  );
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? 'GMT';
  const match = /([+-])(\d\d):(\d\d)/.exec(name);
  const minutes = match === null ? 0 : Number(`${match[1]}1`) * (Number(match[2]) * 60 + Number(match[3]));
  const offset = BigInt(minutes) * NS_PER_MINUTE;
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(key, offset);
  return offset;
}
