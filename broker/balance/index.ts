export { Balancer } from './balancer.ts';
export { clientUrls } from './client-urls.ts';
export { staysWhileDraining } from './drain.ts';
export { DrainMark } from './drain-mark.ts';
export { loopBusyMeter } from './loop-busy.ts';
export type { HealthMessage } from './roster.ts';
export { weightOf } from './weight.ts';
