export { describeConfig, type TrackerConfig, trackerConfig } from './config.ts';
export { Inflights } from './inflights.ts';
export {
  describeProgressMap,
  Progress,
  type ProgressMap,
  type ProgressOptions,
  type ProgressState,
} from './progress.ts';
export { type Members, ProgressTracker } from './progress-tracker.ts';
