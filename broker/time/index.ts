export { BrokerTime } from './broker-time.ts';
