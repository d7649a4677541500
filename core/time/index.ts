export { type Clock, delay, repeat, type Timer } from './clock.ts';
export { systemClock } from './system.ts';
export { VirtualClock } from './virtual.ts';
