export { recordPoint } from './points.ts';
export { type BufferRecord, decodeRecord, encodeRecord, isCounted } from './record.ts';
