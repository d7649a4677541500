import { meshTopic } from '../../../core/wire/index.ts';
import type { GatewayIdentity, Transport, Unsubscribe } from '../../transport/index.ts';
import { type ClockMessage, decodeClockMessage, encodeClockMessage } from '../core/index.ts';
import { isSealed, messageKey, seal, unseal } from './sealed.ts';

/** Brings the messages of master and members. Undefined in place of a message: what came was none. */
export interface ClockCarrier {
  send(to: string, message: ClockMessage): void;
  onMessage(listener: (from: string, message: ClockMessage | undefined) => void): Unsubscribe;
}

/** MQTT as far as the clock needs it. */
export interface TimeTopics {
  /** QoS 0; false when it was not sent, as without a connection. */
  publish(topic: string, payload: Uint8Array): boolean;
  /** All that comes for a topic. */
  onMessage(topic: string, listener: (payload: Uint8Array) => void): Unsubscribe;
}

const CHANNEL = 'clock';

/** Over the connections between gateways, which prove who sent what. */
export function transportCarrier(transport: Pick<Transport, 'send' | 'onFrame'>): ClockCarrier {
  return {
    send: (to, message) => transport.send(to, CHANNEL, encodeClockMessage(message)),
    onMessage: (listener) => transport.onFrame(CHANNEL, (peer, bytes) => listener(peer, decodeClockMessage(bytes))),
  };
}

/** Through the brokers, for gateways that have no connections of their own (those that agree through etcd). */
export function mqttCarrier(topics: TimeTopics, own: GatewayIdentity, siteKey: string): ClockCarrier {
  const key = messageKey(siteKey);
  const { site, name } = own;
  return {
    send: (to, message) => topics.publish(meshTopic(site, to, 'time'), seal(key, { site, from: name, to, message })),
    onMessage: (listener) =>
      topics.onMessage(meshTopic(site, name, 'time'), (payload) => {
        if (!isSealed(payload)) return;
        const sealed = unseal(key, payload);
        const isOurs = sealed !== undefined && sealed.site === site && sealed.to === name;
        listener(isOurs ? sealed.from : '?', isOurs ? sealed.message : undefined);
      }),
  };
}
