import { meshTopic } from '../../../core/wire/index.ts';
import type { Unsubscribe } from '../../transport/index.ts';
import { CarriedProbes, type CarriedProbesOptions } from './carried-probes.ts';

export interface MqttProbesOptions extends CarriedProbesOptions {
  /** With QoS 0, so that nothing is sent again later. False when it was not sent, as without a connection. */
  publish: (topic: string, payload: Uint8Array) => boolean;
  /** Calls back with all that comes for the topic, which it subscribes to. */
  onMessage: (topic: string, listener: (payload: Uint8Array) => void) => Unsubscribe;
}

/** Probes through the brokers: to a gateway on its topic `mesh/v1/{site}/{gateway}/time`, and the reply on one's own. */
export class MqttProbes extends CarriedProbes {
  constructor(options: MqttProbesOptions) {
    const { own, publish, onMessage } = options;
    const ownTopic = meshTopic(own.site, own.name, 'time');
    super(options, {
      path: 'mqtt',
      send: (peer, bytes) => publish(meshTopic(own.site, peer, 'time'), bytes),
      onPacket: (listener) =>
        onMessage(ownTopic, (payload) => {
          listener({ bytes: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), address: ownTopic });
        }),
    });
  }
}
