export {
  AVERAGE_NAMES,
  type Averaged,
  type AverageName,
  type AverageOptions,
  type ClockReading,
  faultTolerantAverage,
  medianOf,
} from './average.ts';
export type { MemberVerdict, ProbePath } from './member-view.ts';
export { type ClockMessage, clockMessageSchema, decodeClockMessage, encodeClockMessage } from './messages.ts';
export {
  type ClockEffect,
  type ClockEvent,
  type ClockMemberStatus,
  ClockNode,
  type ClockNodeStatus,
  type ClockNote,
  REFUSAL_REASONS,
  type RefusalReason,
} from './node.ts';
export { CLOCK_NODE_DEFAULTS, type ClockNodeOptions } from './options.ts';
export { type SavedClock, savedClockSchema } from './saved-clock.ts';
