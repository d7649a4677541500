/** Statements of InfluxQL as a typed tree. https://docs.influxdata.com/influxdb/v1/query_language/spec/ */
export type CompareOp = '=' | '!=' | '<' | '<=' | '>' | '>=' | '=~' | '!~';
export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^';
export type LogicOp = 'AND' | 'OR';
export type BinaryOp = CompareOp | ArithmeticOp | LogicOp;

export type Cast = 'field' | 'tag' | 'float' | 'integer' | 'string' | 'boolean';

export type Expr =
  | RefExpr
  | CallExpr
  | BinaryExpr
  | { type: 'number'; value: number }
  | { type: 'integer'; value: bigint }
  | { type: 'string'; value: string }
  | { type: 'boolean'; value: boolean }
  | { type: 'duration'; ns: bigint }
  | { type: 'regex'; regex: RegExp }
  | { type: 'wildcard'; only?: 'field' | 'tag' };

export interface RefExpr {
  type: 'ref';
  name: string;
  cast?: Cast;
}

export interface CallExpr {
  type: 'call';
  name: string;
  args: Expr[];
}

export interface BinaryExpr {
  type: 'binary';
  op: BinaryOp;
  left: Expr;
  right: Expr;
}

export interface SelectField {
  expr: Expr;
  alias?: string;
}

export interface Source {
  database?: string;
  policy?: string;
  match: string | RegExp;
}

export type Dimension =
  | { type: 'tag'; name: string }
  | { type: 'wildcard' }
  | { type: 'regex'; regex: RegExp }
  | { type: 'time'; intervalNs: bigint; offsetNs: bigint };

export type Fill = 'null' | 'none' | 'previous' | 'linear' | number;

export interface Page {
  limit: number;
  offset: number;
}

export interface SelectStatement {
  type: 'select';
  fields: SelectField[];
  sources: Source[];
  where?: Expr;
  groupBy: Dimension[];
  fill: Fill;
  isDescending: boolean;
  /** Rows of each series; limit 0 is all. */
  rows: Page;
  series: Page;
  timeZone?: string;
}

/** What the SHOW statements about one database have in common. */
interface ShowBase {
  database?: string;
  sources: Source[];
  where?: Expr;
  rows: Page;
}

export type KeyMatch = { names: string[]; isNegated: boolean } | { regex: RegExp; isNegated: boolean };

export type Statement =
  | SelectStatement
  | { type: 'showDatabases' }
  | ({ type: 'showMeasurements' } & ShowBase)
  | ({ type: 'showTagKeys' } & ShowBase)
  | ({ type: 'showTagValues'; key: KeyMatch } & ShowBase)
  | ({ type: 'showFieldKeys' } & ShowBase)
  | ({ type: 'showSeries' } & ShowBase)
  | { type: 'showPolicies'; database?: string }
  | { type: 'createDatabase'; name: string; policy?: PolicyOptions & { name?: string } }
  | { type: 'dropDatabase'; name: string }
  | { type: 'dropMeasurement'; name: string }
  | { type: 'dropSeries'; sources: Source[]; where?: Expr }
  | ({ type: 'createPolicy' | 'alterPolicy'; name: string; database: string } & PolicyOptions)
  | { type: 'dropPolicy'; name: string; database: string };

export interface PolicyOptions {
  /** 0 keeps for ever. */
  durationNs?: bigint;
  isDefault?: boolean;
}
