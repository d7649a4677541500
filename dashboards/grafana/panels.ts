import {
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { MappingType } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as StatPanel } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelinePanel } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TablePanel } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeriesPanel } from '@grafana/grafana-foundation-sdk/timeseries';
import { DATASOURCE, InfluxQuery } from './influx-query.ts';

/** What a panel shows; the panel's size is in Grafana's grid of 24 columns. */
export interface PanelSpec {
  title: string;
  description?: string;
  queries: { query: string; alias?: string }[];
  /** Grafana's unit id. */
  unit?: string;
  width: number;
  height?: number;
}

const CHART_HEIGHT = 8;
const STAT_HEIGHT = 4;

export interface ChartSpec extends PanelSpec {
  stacked?: boolean;
  /** Of the axis; undefined where values may be negative. */
  min?: number | undefined;
}

/** Lines over time, with a legend below (the SDK leaves it hidden). */
export function chart(spec: ChartSpec): TimeSeriesPanel {
  const panel = new TimeSeriesPanel()
    .title(spec.title)
    .datasource(DATASOURCE)
    .height(spec.height ?? CHART_HEIGHT)
    .span(spec.width)
    .unit(spec.unit ?? 'short')
    .lineWidth(1)
    .fillOpacity(spec.stacked === true ? 30 : 8)
    .showPoints(VisibilityMode.Auto)
    // A line across a few missing buckets is fine; across an outage it would lie.
    .spanNulls(60_000)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .targets(targetsOf(spec));
  if (spec.description !== undefined) panel.description(spec.description);
  if (spec.stacked === true) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
  if (spec.min !== undefined) panel.min(spec.min);
  return panel;
}

/** The last value of each series, large. */
export function stat(spec: PanelSpec & { decimals?: number; reduce?: string }): StatPanel {
  const panel = new StatPanel()
    .title(spec.title)
    .datasource(DATASOURCE)
    .height(spec.height ?? STAT_HEIGHT)
    .span(spec.width)
    .unit(spec.unit ?? 'short')
    .colorMode(BigValueColorMode.None)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(
      new ReduceDataOptionsBuilder()
        .calcs([spec.reduce ?? 'lastNotNull'])
        .fields('')
        .values(false),
    )
    .targets(targetsOf(spec));
  if (spec.description !== undefined) panel.description(spec.description);
  if (spec.decimals !== undefined) panel.decimals(spec.decimals);
  return panel;
}

/** What a value stands for. */
export interface StateSpec {
  value: number;
  text: string;
  /** One of Grafana's names. */
  colour: string;
}

/** A bar per series that changes its colour with the state. */
export function timeline(spec: PanelSpec & { states: readonly StateSpec[] }): StateTimelinePanel {
  const options = spec.states.map(({ value, text, colour }, index) => [value, { text, color: colour, index }]);
  const panel = new StateTimelinePanel()
    .title(spec.title)
    .datasource(DATASOURCE)
    .height(spec.height ?? CHART_HEIGHT)
    .span(spec.width)
    .mappings([{ type: MappingType.ValueToText, options: Object.fromEntries(options) }])
    .mergeValues(true)
    .showValue(VisibilityMode.Auto)
    .fillOpacity(70)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .targets(targetsOf(spec));
  if (spec.description !== undefined) panel.description(spec.description);
  return panel;
}

export function table(spec: PanelSpec): TablePanel {
  const panel = new TablePanel()
    .title(spec.title)
    .datasource(DATASOURCE)
    .height(spec.height ?? CHART_HEIGHT)
    .span(spec.width)
    .unit(spec.unit ?? 'short')
    .targets(spec.queries.map(({ query }, index) => new InfluxQuery(query).refId(refIdOf(index)).asTable()));
  if (spec.description !== undefined) panel.description(spec.description);
  return panel;
}

function targetsOf({ queries }: PanelSpec): InfluxQuery[] {
  return queries.map(({ query, alias }, index) => {
    const target = new InfluxQuery(query).refId(refIdOf(index));
    return alias === undefined ? target : target.alias(alias);
  });
}

function refIdOf(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}
