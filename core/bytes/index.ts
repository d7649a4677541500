export { ByteReader } from './byte-reader.ts';
export { ByteWriter } from './byte-writer.ts';
export { FrameCutter } from './frame-cutter.ts';
