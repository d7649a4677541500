export { type ChildMessage, hostService, listenError, type Service } from './host.ts';
