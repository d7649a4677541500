export { type Line, momentOf, PPM, reanchored, shownAt } from './line.ts';
export { type Estimate, type Exchange, LineTracker, TRACKER_DEFAULTS, type TrackerOptions } from './line-tracker.ts';
export {
  type MeshTime,
  type Quality,
  SLEW_DEFAULTS,
  SlewedClock,
  type SlewOptions,
  type Stretch,
  stretchAt,
  type TimeKind,
} from './slewed-clock.ts';
