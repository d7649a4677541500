import type { StatementSync } from 'node:sqlite';
import { formatSeriesKey, type LineSink, type ParsedLine, parseLines, parseSeriesKey } from '../line-protocol/index.ts';
import type { Catalogue, MeasurementRecord, PolicyRecord, SeriesRecord } from './catalogue.ts';
import { sqlValueOf } from './point-table.ts';
import type { Field, FieldType, WriteOutcome } from './types.ts';

export interface IngestLimits {
  seriesMax: number;
  fieldsPerMeasurementMax: number;
  /** Bad lines of one request that are told of; the rest are only counted by their absence. */
  malformedReportedMax: number;
}

export interface IngestContext {
  catalogue: Catalogue;
  policy: PolicyRecord;
  limits: IngestLimits;
  /** Stamps lines without one, and says what is too old. */
  nowNs: bigint;
  stampUnitNs: bigint;
}

/** The ends of int64 are influxd's own marks. */
const STAMP_MIN = -(2n ** 63n) + 2n;
const STAMP_MAX = 2n ** 63n - 2n;
const NS_PER_NS = 1n;

interface Layout {
  measurement: MeasurementRecord;
  names: string[];
  types: FieldType[];
  statement: StatementSync;
}

/** Applies the lines of one request inside the caller's transaction. A line that is refused leaves the others alone. */
export function ingest(body: Uint8Array, context: IngestContext): WriteOutcome {
  const applier = new LineApplier(context);
  parseLines(Buffer.from(body.buffer, body.byteOffset, body.byteLength), applier);
  return applier.outcome;
}

class LineApplier implements LineSink {
  readonly outcome: WriteOutcome = { stored: 0, malformed: [], dropped: 0 };
  readonly #context: IngestContext;
  readonly #oldestNs: bigint;
  /** Neighbouring lines mostly write the same fields. */
  #layout: Layout | undefined;

  constructor(context: IngestContext) {
    this.#context = context;
    const { durationNs } = context.policy;
    this.#oldestNs = durationNs === 0n ? STAMP_MIN : context.nowNs - durationNs;
  }

  malformed(message: string): void {
    if (this.outcome.malformed.length < this.#context.limits.malformedReportedMax) this.outcome.malformed.push(message);
  }

  line(line: ParsedLine): string | undefined {
    const { policy, stampUnitNs, nowNs } = this.#context;
    const timeNs = line.stamp === undefined ? nowNs : stampUnitNs === NS_PER_NS ? line.stamp : line.stamp * stampUnitNs;
    if (timeNs < STAMP_MIN || timeNs > STAMP_MAX)
      return 'time outside range -9223372036854775806 - 9223372036854775806';
    const known = policy.spellings.get(line.key);
    if (known === undefined) return this.#newSpelling(line, timeNs);
    this.#store(known.measurement, known, line, timeNs);
    return undefined;
  }

  #newSpelling(line: ParsedLine, timeNs: bigint): string | undefined {
    const { policy, catalogue, limits } = this.#context;
    const key = parseSeriesKey(line.key);
    if (typeof key === 'string') return key;
    if (timeNs < this.#oldestNs) return this.#drop('points beyond retention policy');
    if (key.tags.has('time')) {
      return this.#drop(`invalid tag key: input tag "time" on measurement "${key.measurement}" is invalid`);
    }
    const onlyTime = line.names.every((name) => name === 'time');
    if (onlyTime) return this.#drop(invalidTimeField(key.measurement));
    const measurement = policy.measurements.get(key.measurement);
    const conflict = measurement === undefined ? undefined : this.#conflict(measurement, line);
    if (conflict !== undefined) return this.#drop(conflict);
    const text = formatSeriesKey(key);
    const known = measurement?.seriesByKey.get(text);
    if (known === undefined && catalogue.seriesCount >= limits.seriesMax) {
      return this.#drop(`max-series-per-database limit exceeded: (${limits.seriesMax})`);
    }
    const home = measurement ?? catalogue.addMeasurement(policy, key.measurement);
    const series = known ?? catalogue.addSeries(home, key);
    catalogue.rememberSpelling(policy, line.key, series);
    this.#store(home, series, line, timeNs);
    return undefined;
  }

  #store(measurement: MeasurementRecord, series: SeriesRecord, line: ParsedLine, timeNs: bigint): void {
    if (timeNs < this.#oldestNs) {
      this.#drop('points beyond retention policy');
      return;
    }
    if (!this.#fits(measurement, line)) {
      tidy(line);
      if (line.names.length === 0) {
        this.#drop(invalidTimeField(measurement.name));
        return;
      }
      const conflict = this.#conflict(measurement, line);
      if (conflict !== undefined) {
        this.#drop(conflict);
        return;
      }
      this.#layout = this.#newLayout(measurement, line);
    }
    (this.#layout as Layout).statement.run(series.id, timeNs, ...line.values.map(sqlValueOf));
    this.outcome.stored++;
  }

  #fits(measurement: MeasurementRecord, line: ParsedLine): boolean {
    const layout = this.#layout;
    if (layout === undefined || layout.measurement !== measurement || layout.names.length !== line.names.length)
      return false;
    for (let at = 0; at < layout.names.length; at++) {
      if (layout.names[at] !== line.names[at] || layout.types[at] !== line.types[at]) return false;
    }
    return true;
  }

  #newLayout(measurement: MeasurementRecord, line: ParsedLine): Layout {
    const fields = line.names.map(
      (name, at): Field =>
        measurement.fields.get(name) ??
        this.#context.catalogue.addField(measurement, name, line.types[at] as FieldType),
    );
    return {
      measurement,
      names: [...line.names],
      types: [...line.types],
      statement: measurement.points.upsert(fields),
    };
  }

  #conflict(measurement: MeasurementRecord, line: ParsedLine): string | undefined {
    let added = 0;
    for (let at = 0; at < line.names.length; at++) {
      const name = line.names[at] as string;
      const field = measurement.fields.get(name);
      if (field === undefined) added++;
      else if (field.type !== line.types[at]) {
        return `field type conflict: input field "${name}" on measurement "${measurement.name}" is type ${line.types[at]}, already exists as type ${field.type}`;
      }
    }
    const { fieldsPerMeasurementMax } = this.#context.limits;
    if (added === 0 || measurement.fields.size + added <= fieldsPerMeasurementMax) return undefined;
    return `max-fields-per-measurement limit exceeded: measurement "${measurement.name}" (${fieldsPerMeasurementMax})`;
  }

  #drop(reason: string): undefined {
    this.outcome.dropped++;
    this.outcome.dropReason ??= reason;
    return undefined;
  }
}

/** A field called time is left out, and of a field that is given twice the last one counts. */
function tidy(line: ParsedLine): void {
  for (let at = line.names.length - 1; at >= 0; at--) {
    const name = line.names[at] as string;
    if (name !== 'time' && line.names.indexOf(name, at + 1) < 0) continue;
    line.names.splice(at, 1);
    line.types.splice(at, 1);
    line.values.splice(at, 1);
  }
}

function invalidTimeField(measurement: string): string {
  return `invalid field name: input field "time" on measurement "${measurement}" is invalid`;
}
