import type { Field, Measurement } from '../engine/index.ts';
import type { RefExpr } from './ast.ts';

/** The fields of a measurement that a statement reads; row[0] is the stamp, so the first field is column 1. */
export class FieldSet {
  readonly fields: Field[] = [];
  readonly #measurement: Measurement;

  constructor(measurement: Measurement) {
    this.#measurement = measurement;
  }

  /** The row's column of a name; undefined when it is no field. */
  columnOf(ref: RefExpr): number | undefined {
    const field = fieldOf(this.#measurement, ref);
    if (field === undefined) return undefined;
    const index = this.fields.indexOf(field);
    return index >= 0 ? index + 1 : this.fields.push(field);
  }
}

/** The field that a name means; a name with a cast to another type means none. */
export function fieldOf(measurement: Measurement, ref: RefExpr): Field | undefined {
  if (ref.cast === 'tag') return undefined;
  return measurement.fields.get(ref.name);
}
