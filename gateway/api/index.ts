export { createApi } from './server.ts';
export type { TimeService } from './time.ts';
