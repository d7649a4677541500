export { Ingress } from './ingress.ts';
export { type Listeners, openListeners } from './listeners.ts';
export { MqttServer } from './mqtt-server.ts';
export { Switchboard } from './switchboard.ts';
