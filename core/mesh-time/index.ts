export {
  decodeAnswerPacket,
  decodeQuestionPacket,
  decodeTimeAnswer,
  decodeTimeQuestion,
  draftAnswerPacket,
  encodeQuestionPacket,
  encodeTimeAnswer,
  encodeTimeQuestion,
  FOLLOWER_DEFAULTS,
  type FollowerCounts,
  type FollowerEffect,
  type FollowerEvent,
  type FollowerNote,
  type FollowerOptions,
  TIME_PACKET_BYTES,
  type TimeAnswer,
  TimeFollower,
  type TimePacketFault,
  type TimeQuestion,
  timePacketKey,
} from './follow/index.ts';
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
