export { aheadMs, type ClockFault, clockFaultSchema } from './clock-fault.ts';
export { FleetClocks, type Stamp } from './fleet-clocks.ts';
