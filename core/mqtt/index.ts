export { acknowledgeWhenDurable, type DurableAckOptions } from './durable-acks.ts';
