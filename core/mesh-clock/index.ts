export { FollowedClock, type FollowedClockOptions } from './followed-clock.ts';
export { MqttTime, type MqttTimeOptions } from './mqtt-time.ts';
export { formatTimeServer, parseTimeServer, type TimeServer, timeServerSchema } from './time-server.ts';
export { UdpTime, type UdpTimeOptions } from './udp-time.ts';
