/**
 * Escapes of InfluxDB's line protocol, for both directions.
 * https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/#special-characters
 */
const MEASUREMENT_SPECIALS = /[, ]/g;
const NAME_SPECIALS = /[,= ]/g;
const STRING_SPECIALS = /["\\]/g;

export function escapeMeasurement(name: string): string {
  return name.replace(MEASUREMENT_SPECIALS, '\\$&');
}

/** For tag keys, tag values and field keys. */
export function escapeName(name: string): string {
  return name.replace(NAME_SPECIALS, '\\$&');
}

export function quoteString(text: string): string {
  return `"${text.replace(STRING_SPECIALS, '\\$&')}"`;
}

export function unescapeMeasurement(text: string): string {
  return text.includes('\\') ? text.replace(/\\([,= ])/g, '$1') : text;
}

export function unescapeName(text: string): string {
  return text.includes('\\') ? text.replace(/\\([,= ])/g, '$1') : text;
}

export function unquoteString(text: string): string {
  return text.includes('\\') ? text.replace(/\\(["\\])/g, '$1') : text;
}

/** A name as InfluxQL quotes it. */
export function quoteIdentifier(name: string): string {
  return `"${name.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;
}
