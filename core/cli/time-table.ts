import { type ClockRow, clockRows, masterOf, type TimeReferenceStatus, timeReferenceSchema } from '../wire/index.ts';
import type { AskedClock, MeshNow } from './mesh-clocks.ts';
import { count, shortDuration, signed, table } from './output.ts';

const HEADINGS = ['GATEWAY', 'ROLE', 'KIND', 'BEHIND', '±', 'PPM', 'RTT', 'SAMPLES', 'VERDICT', 'REFUSED'] as const;

/** Mesh time, where it comes from, and how the clock of each gateway goes. */
export function timeText(asked: readonly AskedClock[], now: MeshNow | undefined): string {
  const rows = new Map(clockRows(asked).map((row) => [row.id, cellsOf(row)]));
  return [
    nowLine(asked, now),
    ...referenceLines(masterOf(asked)?.time.reference),
    '',
    table(
      HEADINGS,
      asked.map(
        ({ id, failure }) => rows.get(id) ?? [id, failure === undefined ? '–' : 'DOWN', failure ?? 'takes no part'],
      ),
    ),
  ].join('\n');
}

function nowLine(asked: readonly AskedClock[], now: MeshNow | undefined): string {
  const master = masterOf(asked);
  const by = master === undefined ? 'no master' : `${master.id} is the master, term ${master.time.term}`;
  const round = master === undefined ? '' : `, round ${count(master.time.round)}`;
  if (now === undefined) return `Mesh time  not known (${by}${round})`;
  const shown = new Date(now.ms).toISOString();
  return `Mesh time  ${shown} ± ${shortDuration(now.uncertaintyMs)}, ${now.kind} (${by}${round})`;
}

function referenceLines(reference: unknown): string[] {
  if (reference === undefined) return [];
  const { data } = timeReferenceSchema.safeParse(reference);
  if (data === undefined) return ['Reference  in a form that is not known here'];
  const { kind, stratum, lastSample, fault, servers } = data;
  const parts = [
    kind,
    ...(stratum === undefined ? [] : [`stratum ${stratum}`]),
    ...(lastSample === undefined ? [] : [`${lastSample.source} ± ${shortDuration(lastSample.uncertaintyMs)}`]),
  ];
  return [
    `Reference  ${parts.join(', ')}`,
    ...(fault === undefined ? [] : [`           ${fault.code}: ${fault.detail}`]),
    ...servers.map((server) => `           ${serverText(server)}`),
  ];
}

function serverText({
  name,
  status,
  stratum,
  offsetMs,
  delayMs,
  rootDistanceMs,
  trouble,
}: TimeReferenceStatus['servers'][number]): string {
  return [
    `${name} ${status}`,
    ...(stratum === undefined ? [] : [`stratum ${stratum}`]),
    ...(offsetMs === undefined ? [] : [`offset ${signed(offsetMs, shortDuration)}`]),
    ...(rootDistanceMs === undefined ? [] : [`± ${shortDuration(rootDistanceMs)}`]),
    ...(delayMs === undefined ? [] : [`round trip ${shortDuration(delayMs)}`]),
    ...(trouble === undefined ? [] : [trouble]),
  ].join(', ');
}

function cellsOf(row: ClockRow): string[] {
  const { id, isMaster, kind, behindMs, uncertaintyMs, frequencyPpm, roundTripMsMin, path, samples, verdict } = row;
  const alarm = row.isAlarmed ? ' ALARM' : '';
  const roundTrip = roundTripMsMin === undefined ? '–' : shortDuration(roundTripMsMin);
  return [
    id,
    isMaster ? 'master' : 'member',
    kind === 'none' ? 'NONE' : kind,
    kind === 'none' ? '–' : signed(behindMs, shortDuration),
    `${uncertaintyMs === undefined ? '–' : shortDuration(uncertaintyMs)}${alarm}`,
    signed(frequencyPpm, (ppm) => ppm.toFixed(2)),
    path === undefined ? roundTrip : `${roundTrip} ${path}`,
    samples === undefined ? '–' : count(samples),
    verdict === 'apart' ? 'APART' : (verdict ?? '–'),
    Object.entries(row.refused)
      .map(([reason, times]) => `${reason} ${count(times)}`)
      .join(', '),
  ];
}

/** One line per gateway, for the state of the whole mesh; undefined when none takes part. */
export function clockLines(clocks: Parameters<typeof clockRows>[0]): string | undefined {
  const rows = clockRows(clocks);
  if (rows.length === 0) return undefined;
  return table(
    ['CLOCK', 'ROLE', 'KIND', 'BEHIND', '±'],
    rows.map((row) => cellsOf(row).slice(0, 5)),
  );
}
