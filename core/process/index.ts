export { type ChildMessage, hostService, listenError, type Service } from './host.ts';
export { Supervised, type SupervisedOptions } from './supervised.ts';
