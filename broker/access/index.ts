export { connackCodeOf, Gatekeeper, type Login } from './gatekeeper.ts';
export { covers, mayPublish, maySubscribe, topicFault } from './rights.ts';
