export {
  type Command,
  type CommandResult,
  decodeRequest,
  encodeRequest,
  isCommand,
  type Request,
  type RequestId,
  rangeSchema,
  transactionSchema,
} from './commands.ts';
export { compareKeys, rangeIncludes } from './keys.ts';
export { Lessor } from './lessor.ts';
export { LEASE_TTL_MS_MAX, LEASE_TTL_MS_MIN, STATE_LIMITS, type StateLimits } from './limits.ts';
export { type ApplyResult, CoordinationMachine } from './machine.ts';
export { type Taken, type WatchHistory, WatchHub } from './watch-hub.ts';
