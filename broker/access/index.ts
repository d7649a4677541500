export { connackCodeOf, Gatekeeper, type Login } from './gatekeeper.ts';
export { mayPublish, maySubscribe, TOPIC_BYTES_MAX, topicFault } from './rights.ts';
