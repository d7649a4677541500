export { recordPoint } from './points.ts';
export { type BufferRecord, decodeRecord, encodeRecord } from './record.ts';
