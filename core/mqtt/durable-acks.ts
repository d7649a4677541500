import type { IPublishPacket, MqttClient, Packet } from 'mqtt';

export interface DurableAckOptions {
  /** Resolves when the message may be acknowledged; rejects when it has to be delivered again. */
  take: (packet: IPublishPacket) => Promise<void>;
  /** Told of a rejection. The connection is then cut, so that the broker delivers again what was not acknowledged. */
  onFault: (error: unknown) => void;
  /** Messages taken and not yet acknowledged; at the bound nothing more is read from the connection. */
  inFlightMax: number;
}

interface Taking {
  /** Which connection the message came over. */
  connection: number;
  isDurable: Promise<boolean>;
}

/**
 * Makes an MQTT.js client acknowledge QoS 1 messages when they are durable, many at a time.
 *
 * MQTT.js sends PUBACK after its `handleMessage` callback and reads the next packet only then, so waiting there for a
 * sync would allow one message per sync. Here the callback is called at once, and the PUBACK alone is held back. PUBACKs
 * leave in the order of the messages (MQTT-4.6.0-2), since the buffer resolves in order. Those of a connection that is
 * gone are dropped: on the next one the same packet id means another message.
 */
export function acknowledgeWhenDurable(client: MqttClient, options: DurableAckOptions): void {
  const sendPacket = client['_sendPacket'].bind(client);
  const takings = new Map<number, Taking>();
  let connection = 0;
  let inFlight = 0;
  let resume: (() => void) | undefined;

  client.on('close', () => {
    connection++;
    takings.clear();
    resume = undefined;
  });

  client.handleMessage = (packet, callback) => {
    const own = connection;
    const isDurable = options.take(packet).then(
      () => true,
      (error: unknown) => {
        options.onFault(error);
        if (own === connection) client.stream?.destroy();
        return false;
      },
    );
    if (packet.messageId !== undefined) takings.set(packet.messageId, { connection: own, isDurable });
    inFlight++;
    void isDurable.then(() => {
      inFlight--;
      resume?.();
      resume = undefined;
    });
    if (inFlight < options.inFlightMax) callback();
    else resume = () => callback();
  };

  client['_sendPacket'] = (packet: Packet, callback?: () => void, ...rest: unknown[]) => {
    if (packet.cmd !== 'puback' || packet.messageId === undefined) {
      sendPacket(packet, callback, ...rest);
      return;
    }
    const taking = takings.get(packet.messageId);
    takings.delete(packet.messageId);
    void taking?.isDurable.then((isDurable) => {
      if (isDurable && taking.connection === connection) sendPacket(packet, undefined, ...rest);
    });
    callback?.();
  };
}
