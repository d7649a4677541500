export { recordPoint } from './points.ts';
export { type BufferRecord, decodeRecord, encodeRecord, isCounted, type Readable } from './record.ts';
