import { MEASUREMENTS } from '../../../core/wire/index.ts';
import { board, storeVariable } from '../board.ts';
import { chart, stat, table } from '../panels.ts';

const FROM = `FROM "${MEASUREMENTS.reading}" WHERE $timeFilter AND "site" =~ /^$site$/ AND "device" =~ /^$device$/`;

/** One metric of one device in detail. */
export const device = board({
  uid: 'lattice-device',
  title: 'Lattice: device',
  description: 'One metric of one device: its course, its range, and whether its readings come regularly.',
  variables: [
    storeVariable('site', 'Site', `SHOW TAG VALUES FROM "${MEASUREMENTS.reading}" WITH KEY = "site"`),
    storeVariable(
      'device',
      'Device',
      `SHOW TAG VALUES FROM "${MEASUREMENTS.reading}" WITH KEY = "device" WHERE "site" =~ /^$site$/`,
    ),
    // seq, boot and tq stand beside the metrics but are none.
    storeVariable('metric', 'Metric', `SHOW FIELD KEYS FROM "${MEASUREMENTS.reading}"`)
      .regex('/^(?!(?:seq|boot|tq)$)/')
      .current({ selected: true, text: 'temperature', value: 'temperature' }),
  ],
  panels: [
    stat({ title: 'Last', queries: [{ query: `SELECT last("$metric") ${FROM}`, alias: '$metric' }], width: 6 }),
    stat({ title: 'Lowest', queries: [{ query: `SELECT min("$metric") ${FROM}`, alias: '$metric' }], width: 6 }),
    stat({ title: 'Highest', queries: [{ query: `SELECT max("$metric") ${FROM}`, alias: '$metric' }], width: 6 }),
    stat({ title: 'Readings', queries: [{ query: `SELECT count("$metric") ${FROM}`, alias: '$metric' }], width: 6 }),
    chart({
      title: '$metric',
      queries: [
        { query: `SELECT mean("$metric") ${FROM} GROUP BY time($__interval) fill(none)`, alias: 'mean' },
        { query: `SELECT min("$metric") ${FROM} GROUP BY time($__interval) fill(none)`, alias: 'lowest' },
        { query: `SELECT max("$metric") ${FROM} GROUP BY time($__interval) fill(none)`, alias: 'highest' },
      ],
      width: 24,
      height: 10,
    }),
    chart({
      title: 'Readings per minute',
      description: 'A dip is a device that was away or could not send.',
      queries: [{ query: `SELECT count("tq") ${FROM} GROUP BY time(1m) fill(0)`, alias: 'readings' }],
      min: 0,
      width: 12,
    }),
    table({
      title: 'Newest readings',
      queries: [{ query: `SELECT "$metric", "seq", "boot", "tq" ${FROM} ORDER BY time DESC LIMIT 50` }],
      width: 12,
    }),
  ],
});
