import mqtt, { type MqttClient } from 'mqtt';
import { systemClock } from '../../core/time/index.ts';
import { meshFilter } from '../../core/wire/index.ts';
import { type MeshAt, MqttAnswers } from '../../gateway/clock/devices/index.ts';

/** What a gateway does for devices over MQTT, by itself: a client of a broker that answers every question for the time. */
export class MqttTimeServer {
  readonly answers: MqttAnswers;
  readonly #client: MqttClient;

  private constructor(answers: MqttAnswers, client: MqttClient) {
    this.answers = answers;
    this.#client = client;
  }

  /** meshAt: mesh time over CLOCK_MONOTONIC. filter: what it subscribes to, by default the questions of all devices. */
  static async start(
    brokerUrl: string,
    meshAt: MeshAt,
    options: { username?: string; password?: string; clientId?: string; filter?: string } = {},
  ): Promise<MqttTimeServer> {
    const { filter = meshFilter({ kind: 'time' }), ...credentials } = options;
    const client = await mqtt.connectAsync(brokerUrl, { protocolVersion: 4, ...credentials });
    const answers = new MqttAnswers({ name: 'gateway-1', gateways: [], clock: systemClock, meshAt });
    client.on('message', (topic, payload) => {
      const arrivedMs = systemClock.monotonicMs();
      const answer = answers.answer(topic, payload, arrivedMs);
      if (answer !== undefined) client.publish(answer.topic, answer.payload, { qos: 0 });
    });
    await client.subscribeAsync(filter, { qos: 1 });
    return new MqttTimeServer(answers, client);
  }

  async stop(): Promise<void> {
    await this.#client.endAsync(true);
  }
}
