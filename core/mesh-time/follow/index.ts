export {
  type FollowerCounts,
  type FollowerEffect,
  type FollowerEvent,
  type FollowerNote,
  TimeFollower,
} from './follower.ts';
export {
  decodeTimeAnswer,
  decodeTimeQuestion,
  encodeTimeAnswer,
  encodeTimeQuestion,
  type TimeAnswer,
  type TimeQuestion,
} from './messages.ts';
export { FOLLOWER_DEFAULTS, type FollowerOptions } from './options.ts';
export {
  decodeAnswerPacket,
  decodeQuestionPacket,
  draftAnswerPacket,
  encodeQuestionPacket,
  TIME_PACKET_BYTES,
  type TimePacketFault,
  timePacketKey,
} from './packet.ts';
