export { type Clock, delay, repeat, type Timer } from './clock.ts';
export {
  compareHlc,
  decodeHlc,
  encodeHlc,
  HLC_AHEAD_MS_MAX,
  HLC_BYTES,
  HLC_COUNTS,
  Hlc,
  type HlcOptions,
} from './hlc.ts';
export { HlcClock, type HlcClockOptions, type HlcPutBack, type HlcRefusal } from './hlc-clock.ts';
export { systemClock } from './system.ts';
export { VirtualClock } from './virtual.ts';
