export { FollowedClock, type FollowedClockOptions } from './followed-clock.ts';
export { logNote } from './log-note.ts';
export { MqttTime, type MqttTimeOptions } from './mqtt-time.ts';
export { formatTimeServer, type TimeServer, timeServerSchema } from './time-server.ts';
export { UdpTime, type UdpTimeOptions } from './udp-time.ts';
