export { describeFault, scheduleFaults } from './apply.ts';
export { FAULT_PROFILES, type FaultProfile } from './profiles.ts';
export { faultSchedule, type ScheduleOptions } from './schedule.ts';
export { shrinkSchedule } from './shrink.ts';
export type { Fault, FaultKind } from './types.ts';
