export { type CallerDeps, GatewaysCaller, type HttpTarget } from './caller.ts';
export { HttpCoordinator } from './coordinator.ts';
export {
  COORDINATION_PATH,
  HEARTBEAT_MS,
  membersAnswerSchema,
  REPEATED_HEADER,
  REQUEST_HEADER,
  type StatusAnswer,
  statusAnswerSchema,
  TIMEOUT_HEADER,
  transactionAnswerSchema,
  type WatchLine,
} from './wire.ts';
