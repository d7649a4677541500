import type { PublishPacket } from 'aedes';
import type { Logger } from 'pino';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { StoredSubscription } from '../state/index.ts';
import type { AedesClient, AedesInside } from './aedes-types.ts';
import type { Connections } from './connection.ts';
import type { Doorman } from './doorman.ts';
import type { IncomingPacket, Ingress } from './ingress.ts';
import { type Presence, startCourier } from './presence.ts';
import type { Granted, Subscriptions } from './subscriptions.ts';
import type { Switchboard } from './switchboard.ts';
import type { ThrottledLog } from './throttled-log.ts';

export interface AedesHooks {
  aedes: AedesInside;
  connections: Connections;
  doorman: Doorman;
  ingress: Ingress;
  presence: Presence;
  subscriptions: Subscriptions;
  switchboard: Switchboard;
  /** Resolves when the other brokers send what the clients of this one have subscribed to by now, or after a while. */
  interestSettled: () => Promise<unknown>;
  log: Logger;
  throttled: ThrottledLog;
}

type Done = (error?: Error | null) => void;

/** Puts the broker's own rights, routing and subscriptions in the place of those of Aedes (mqtt-server.ts). */
export function replaceRouting(hooks: AedesHooks): void {
  const { aedes, connections, doorman, ingress, subscriptions, switchboard, interestSettled, throttled } = hooks;
  aedes.publish = (packet, ...rest) => {
    // A client's message was routed when it was taken; what remains is what Aedes itself tells of clients.
    const done = rest.at(-1);
    if (packet.topic.startsWith('$SYS/') && typeof rest[0] !== 'object') {
      switchboard.routeVolatile(packet.topic, Buffer.from(packet.payload as string));
    }
    if (typeof done === 'function') done(null);
  };
  // SUBACK waits, so that what is published anywhere after it arrives.
  aedes.subscribe = (_filter, _deliver, done) => void interestSettled().then(() => done());
  aedes.unsubscribe = (_filter, _deliver, done) => done?.();
  aedes.preConnect = (client, packet, done) => {
    connections.get(client).isIdMadeUp = packet.clientId === '';
    if (packet.protocolVersion === 5) {
      const { address } = connections.get(client);
      const error = new LatticeError('PROTOCOL_UNSUPPORTED', `${address} speaks MQTT 5.`);
      throttled.warn({ code: error.code, address, clientId: packet.clientId }, error.message);
    }
    done(null, true);
  };
  aedes.authenticate = (client, username, password, done) => {
    const connection = connections.get(client);
    doorman.admit(connection, { username, password }).then(
      () => done(null, true),
      (error: unknown) => done(doorman.refuse(connection, error), false),
    );
  };
  aedes.authorizePublish = (client, packet, done) => {
    const aedesClient = client as unknown as AedesClient;
    const isWill = (packet as PublishPacket) === aedesClient.will;
    ingress.take(connections.get(aedesClient), packet as IncomingPacket, isWill, done as Done);
  };
  aedes.authorizeSubscribe = (client, subscription, done) => {
    const connection = connections.get(client);
    subscriptions.authorize(connection, subscription as StoredSubscription, done as Granted);
  };
}

/** Follows clients as Aedes lets them in, serves them and loses them. */
export function listenToClients({ aedes, connections, presence, switchboard, log }: AedesHooks): void {
  aedes.on('client', (client) => presence.attach(client as unknown as AedesClient));
  aedes.on('connackSent', (packet, client) => {
    if (packet.returnCode === 0) startCourier(connections.get(client));
  });
  aedes.on('clientDisconnect', (client) => presence.detach(client as unknown as AedesClient));
  aedes.on('subscribe', (subscriptions, client) => {
    const { courier } = connections.get(client);
    for (const { topic, qos } of subscriptions as StoredSubscription[]) {
      if (courier !== undefined && qos <= 2) switchboard.sendRetained(courier, topic, qos);
    }
  });
  const logError = (client: object, error: Error): void => {
    // One of ours was logged where it arose, and says more than this.
    if (error instanceof LatticeError) return;
    const connection = connections.of(client);
    const { id: clientId } = client as { id: string };
    const fields = { code: codeOf(error), clientId, address: connection?.address, error: messageOf(error) };
    log.info(fields, 'a connection ended with an error');
  };
  aedes.on('clientError', logError);
  aedes.on('connectionError', logError);
  (aedes as unknown as NodeJS.EventEmitter).on('error', (error: unknown) => {
    log.error({ code: codeOf(error), error: messageOf(error) }, 'the MQTT server met an error');
  });
}
