export { openShimTime, type ShimTime } from './open.ts';
export { encodeRecord } from './record.ts';
export { Stamps } from './stamps.ts';
