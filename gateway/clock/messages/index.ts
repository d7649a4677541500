export { type ClockCarrier, mqttCarrier, type TimeTopics, transportCarrier } from './carriers.ts';
