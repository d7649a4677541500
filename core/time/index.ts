export { type Clock, delay, repeat, type Timer } from './clock.ts';
export { isoOf, systemClock } from './system.ts';
export { VirtualClock } from './virtual.ts';
