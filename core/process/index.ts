export { type ChildMessage, hostService, listenError, type Service } from './host.ts';
export { BROKER_SEMI_SPACE_MIB, Supervised, type SupervisedOptions } from './supervised.ts';
