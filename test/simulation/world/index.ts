export { type DiskSpeed, SimDisk, SSD } from './disk.ts';
export { type Delay, LAN, type NetworkCounts } from './network.ts';
export { SimProcess } from './process.ts';
export type {
  Boot,
  DiskContents,
  Kept,
  Machine,
  ProcessEvent,
  ProcessId,
  Program,
} from './types.ts';
export { World, type WorldOptions } from './world.ts';
