export { type StrictOptions, strictDuplex, type ViolationContext } from './duplex.ts';
export { type PacketLimits, PacketScanner, type ScanResult } from './scanner.ts';
export type { Violation } from './violation.ts';
