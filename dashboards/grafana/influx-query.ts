import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';

/** The uid under which the provisioned data source is known; dashboards refer to it, so it never changes. */
export const DATASOURCE = { type: 'influxdb', uid: 'lattice-store' } as const;

export interface InfluxTarget {
  refId: string;
  datasource: { type: string; uid: string };
  query: string;
  rawQuery: true;
  resultFormat: 'time_series' | 'table';
  alias?: string;
}

/** A raw InfluxQL query of Grafana's InfluxDB data source, for which the foundation SDK has no module. */
export class InfluxQuery implements Builder<Dataquery> {
  readonly #target: InfluxTarget;

  constructor(query: string) {
    this.#target = { refId: 'A', datasource: DATASOURCE, query, rawQuery: true, resultFormat: 'time_series' };
  }

  refId(refId: string): this {
    this.#target.refId = refId;
    return this;
  }

  /** The name of a series: `$tag_node`, `$col`, `$m` and text. */
  alias(alias: string): this {
    this.#target.alias = alias;
    return this;
  }

  asTable(): this {
    this.#target.resultFormat = 'table';
    return this;
  }

  build(): Dataquery {
    // The SDK marks queries by a method that plain JSON cannot have.
    return this.#target as unknown as Dataquery;
  }
}
