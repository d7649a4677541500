export type ResultValue = number | bigint | string | boolean | null;

/** One series of an answer. When it is timed, the first column holds stamps in ns. */
export interface ResultSeries {
  name?: string;
  tags?: Record<string, string>;
  columns: string[];
  values: ResultValue[][];
  isTimed: boolean;
}

export interface StatementResult {
  series?: ResultSeries[];
  messages?: { level: string; text: string }[];
  error?: string;
  /** Stamps as texts are shown in this zone. */
  timeZone?: string;
}
