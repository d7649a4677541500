export { DEFAULT_POLICY, openSqliteEngine, type SqliteEngineOptions } from './sqlite-engine.ts';
export type {
  Database,
  Engine,
  EngineStats,
  Field,
  FieldType,
  FieldValue,
  Measurement,
  PolicyChange,
  RetentionPolicy,
  ScanRange,
  ScanRow,
  Series,
  WriteOutcome,
  WriteRequest,
} from './types.ts';
