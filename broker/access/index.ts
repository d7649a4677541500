export { connackCodeOf, Gatekeeper, type Login } from './gatekeeper.ts';
export { covers, mayPublish, maySubscribe } from './rights.ts';
