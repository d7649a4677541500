import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { GatewayHealth } from '../../core/wire/index.ts';
import { type ChartSpec, chart, type PanelSpec, type StateSpec, stat, timeline } from './panels.ts';

/** What the store has of a gateway's health. */
export type GatewayField = Exclude<keyof GatewayHealth, 'kind' | 'node' | 'atMs'>;

/** Panels about the health of nodes, one series each. */
export interface NodePanels<Field extends string> {
  /** The last value of each node. */
  last(title: string, field: Field, width: number, unit?: string): Builder<Panel>;
  /** Fields that go up and down. */
  level(title: string, fields: Field[], options?: Partial<ChartSpec>): Builder<Panel>;
  /** Counters, shown per second; a restart is no negative rate. */
  rate(title: string, fields: Field[], options?: Partial<PanelSpec>): Builder<Panel>;
  /** A field whose few values have names, as bars of a colour over time. */
  states(title: string, field: Field, states: readonly StateSpec[], options?: Partial<PanelSpec>): Builder<Panel>;
}

export function nodePanels<Field extends string>(measurement: string): NodePanels<Field> {
  const from = `FROM "${measurement}" WHERE $timeFilter AND "site" =~ /^$site$/`;
  const perInterval = 'GROUP BY time($__interval), "node"';
  const alias = (fields: Field[], field: Field): string => (fields.length === 1 ? '$tag_node' : `$tag_node ${field}`);
  return {
    last: (title, field, width, unit = 'short') =>
      stat({
        title,
        unit,
        width,
        queries: [{ query: `SELECT last("${field}") ${from} GROUP BY "node"`, alias: '$tag_node' }],
      }),
    level: (title, fields, options = {}) =>
      chart({
        title,
        min: 0,
        width: 12,
        queries: fields.map((field) => ({
          query: `SELECT mean("${field}") ${from} ${perInterval} fill(none)`,
          alias: alias(fields, field),
        })),
        ...options,
      }),
    rate: (title, fields, options = {}) =>
      chart({
        title,
        min: 0,
        width: 12,
        unit: 'cps',
        queries: fields.map((field) => ({
          query: `SELECT non_negative_derivative(max("${field}"), 1s) ${from} ${perInterval} fill(none)`,
          alias: alias(fields, field),
        })),
        ...options,
      }),
    states: (title, field, states, options = {}) =>
      timeline({
        title,
        states,
        width: 12,
        queries: [{ query: `SELECT max("${field}") ${from} ${perInterval} fill(none)`, alias: '$tag_node' }],
        ...options,
      }),
  };
}
