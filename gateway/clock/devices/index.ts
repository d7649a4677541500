export { MqttAnswers, type MqttAnswersOptions } from './mqtt-answers.ts';
export {
  type DeviceTimeConfig,
  type DeviceTimeCounts,
  deviceTimeSchema,
  type MeshAt,
  noDeviceTimeCounts,
} from './options.ts';
export { UdpAnswers, type UdpAnswersOptions } from './udp-answers.ts';
