import { MEASUREMENTS } from '../../../core/wire/index.ts';
import { board, storeVariable } from '../board.ts';
import { type GatewayField, nodePanels } from '../node-panels.ts';
import { chart } from '../panels.ts';

const { last, level, rate, states } = nodePanels<GatewayField>(MEASUREMENTS.gateway);

const FROM = `FROM "${MEASUREMENTS.gateway}" WHERE $timeFilter AND "site" =~ /^$site$/ GROUP BY time($__interval)`;
/** The bound is of the configuration and the same at all gateways, as a rule; else the strictest is drawn. */
const uncertainty = chart({
  title: 'Uncertainty',
  unit: 'ms',
  min: 0,
  width: 12,
  description: 'The true time lies within so much of what a gateway says. Beyond the bound it raises an alarm.',
  queries: [
    { query: `SELECT max("timeUncertaintyMs") ${FROM}, "node" fill(none)`, alias: '$tag_node' },
    { query: `SELECT min("timeUncertaintyMsMax") ${FROM} fill(none)`, alias: 'alarm above' },
  ],
});

/** The time of the mesh: how far the clocks of the gateways are apart, and how far they may be wrong. */
export const time = board({
  uid: 'lattice-time',
  title: 'Lattice: time',
  description: 'How the clocks of the gateways go: offset, uncertainty, frequency, and who is the master.',
  variables: [storeVariable('site', 'Site', `SHOW TAG VALUES FROM "${MEASUREMENTS.gateway}" WITH KEY = "site"`)],
  panels: [
    last('Uncertainty', 'timeUncertaintyMs', 8, 'ms'),
    last('Frequency', 'timeFrequencyPpm', 8, 'ppm'),
    last('Steps', 'timeStepsTotal', 8),
    uncertainty,
    level('Behind mesh time', ['timeBehindMs'], {
      unit: 'ms',
      min: undefined,
      description: 'What a clock has still to catch up; it only goes faster or slower for that, and does not jump.',
    }),
    level('Frequency', ['timeFrequencyPpm'], {
      unit: 'ppm',
      min: undefined,
      description: 'By so much a clock goes faster than the oscillator of its machine.',
    }),
    rate('Refused, and rounds without a majority, per second', ['timeRefusedTotal', 'timeDisagreementsTotal'], {
      description: 'Messages and probes that were refused, and rounds in which no majority of the clocks agreed.',
    }),
    states('Master', 'timeIsMaster', [
      { value: 0, text: 'member', colour: 'blue' },
      { value: 1, text: 'master', colour: 'green' },
    ]),
    states('Synchronised with', 'timeKind', [
      { value: 0, text: 'nothing', colour: 'red' },
      { value: 1, text: 'the gateways', colour: 'blue' },
      { value: 2, text: 'UTC', colour: 'green' },
    ]),
    states(
      'Alarm',
      'timeIsAlarmed',
      [
        { value: 0, text: 'none', colour: 'green' },
        { value: 1, text: 'uncertain', colour: 'red' },
      ],
      { width: 24 },
    ),
  ],
});
