export { type DoctorOptions, doctor } from './doctor-command.ts';
export { type DrainOptions, drain } from './drain.ts';
export { type FleetTarget, fleetTarget } from './fleet-target.ts';
export { type PubOptions, pub } from './pub.ts';
export { status } from './status.ts';
export { type SubOptions, sub } from './sub.ts';
export { type TopOptions, top } from './top.ts';
export { type UpOptions, up } from './up.ts';
