export { type SendPoints, type WritablePoint, writeInBatches } from './batches.ts';
export { type EncodedPoint, encodePoint, lineOf } from './encode.ts';
export {
  escapeMeasurement,
  escapeName,
  quoteIdentifier,
  quoteString,
  unescapeMeasurement,
  unescapeName,
  unquoteString,
} from './escape.ts';
