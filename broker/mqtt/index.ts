export type { Connection } from './connection.ts';
export { type BridgedMessage, HOLD_MS, Ingress } from './ingress.ts';
export { type Listeners, openListeners } from './listeners.ts';
export { type FastLane, MqttServer } from './mqtt-server.ts';
export { Roaming } from './roaming.ts';
export { ShareDispatch } from './share-dispatch.ts';
export { type Attendant, type CleanReceiver, Switchboard } from './switchboard.ts';
