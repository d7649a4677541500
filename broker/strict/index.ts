export { type StrictOptions, type StrictStream, strictDuplex, type ViolationContext } from './duplex.ts';
export type { PacketLane } from './lane.ts';
export { Outbox, TurnEnd } from './outbox.ts';
export { type PacketLimits, PacketScanner, type ScanResult } from './scanner.ts';
export { topicNameFault } from './text.ts';
export type { Violation } from './violation.ts';
