import { MEASUREMENTS, METRICS } from '../../../core/wire/index.ts';
import { board, storeVariable } from '../board.ts';
import { chart, stat, table } from '../panels.ts';

const FROM = `FROM "${MEASUREMENTS.reading}" WHERE $timeFilter AND "site" =~ /^$site$/`;

/** All devices of a site at a glance. */
export const fleet = board({
  uid: 'lattice-fleet',
  title: 'Lattice: fleet',
  description: 'All devices of a site: how many readings come in, and what they say.',
  variables: [storeVariable('site', 'Site', `SHOW TAG VALUES FROM "${MEASUREMENTS.reading}" WITH KEY = "site"`)],
  panels: [
    stat({
      title: 'Readings per minute',
      // Every reading has its time quality, whatever else it has.
      queries: [{ query: `SELECT count("tq") ${FROM} GROUP BY time(1m) fill(0)`, alias: 'readings' }],
      width: 6,
    }),
    stat({
      title: 'Mean temperature',
      queries: [{ query: `SELECT mean("temperature") ${FROM} GROUP BY time($__interval) fill(none)`, alias: 'mean' }],
      unit: METRICS.temperature.grafanaUnit,
      decimals: 1,
      width: 6,
    }),
    stat({
      title: 'Mean relative humidity',
      queries: [{ query: `SELECT mean("humidity") ${FROM} GROUP BY time($__interval) fill(none)`, alias: 'mean' }],
      unit: METRICS.humidity.grafanaUnit,
      decimals: 1,
      width: 6,
    }),
    stat({
      title: 'Devices per gateway',
      queries: [
        {
          query: `SELECT last("devices") FROM "${MEASUREMENTS.gateway}" WHERE $timeFilter AND "site" =~ /^$site$/ GROUP BY "node"`,
          alias: '$tag_node',
        },
      ],
      width: 6,
    }),
    chart({
      title: 'Readings per minute and device',
      queries: [{ query: `SELECT count("tq") ${FROM} GROUP BY time(1m), "device" fill(0)`, alias: '$tag_device' }],
      stacked: true,
      min: 0,
      width: 24,
    }),
    chart({
      title: 'Temperature',
      queries: [
        {
          query: `SELECT mean("temperature") ${FROM} GROUP BY time($__interval), "device" fill(none)`,
          alias: '$tag_device',
        },
      ],
      unit: METRICS.temperature.grafanaUnit,
      width: 12,
    }),
    chart({
      title: 'Relative humidity',
      queries: [
        {
          query: `SELECT mean("humidity") ${FROM} GROUP BY time($__interval), "device" fill(none)`,
          alias: '$tag_device',
        },
      ],
      unit: METRICS.humidity.grafanaUnit,
      width: 12,
    }),
    table({
      title: 'Range by device',
      description: 'Over the time span of the dashboard.',
      queries: [
        {
          query: `SELECT min("temperature") AS "lowest", mean("temperature") AS "mean", max("temperature") AS "highest" ${FROM} GROUP BY "device"`,
        },
      ],
      unit: METRICS.temperature.grafanaUnit,
      width: 24,
    }),
  ],
});
