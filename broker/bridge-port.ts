import { createHmac } from 'node:crypto';
import { BRIDGE_SESSION_PREFIX, type BridgePort } from './bridge/index.ts';
import type { Attendant, BridgedMessage, Ingress, Switchboard } from './mqtt/index.ts';
import type { DeliveryId, Session, StoredSubscription } from './state/index.ts';
import type { BrokerStore } from './store/index.ts';

export interface BrokerBridgePortOptions {
  brokerId: string;
  siteKey: string;
  packetBytesMax: number;
  store: BrokerStore;
  switchboard: Switchboard;
  ingress: Ingress;
}

/** The broker as its bridges see it. */
export class BrokerBridgePort implements BridgePort {
  readonly packetBytesMax: number;
  readonly #options: BrokerBridgePortOptions;
  readonly #mesh: string;

  constructor(options: BrokerBridgePortOptions) {
    this.#options = options;
    this.packetBytesMax = options.packetBytesMax;
    // Ids are unique within a mesh only; every home has a broker-1.
    this.#mesh = createHmac('sha256', options.siteKey).update('bridge path').digest('hex').slice(0, 12);
  }

  nodeName(brokerId = this.#options.brokerId): string {
    return `${this.#mesh}/${brokerId}`;
  }

  async openSession(clientId: string, subscriptions: readonly StoredSubscription[]): Promise<Session> {
    const { store } = this.#options;
    const { sessions } = store.state;
    const known = sessions.get(clientId);
    // Of an account that used this client id before there was a bridge.
    if (known !== undefined && known.username !== clientId) await store.commit({ kind: 'end', clientId });
    await store.commit({ kind: 'session', clientId, username: clientId });
    const session = sessions.get(clientId) as Session;
    session.awaySinceMs = undefined;
    const filters = [...session.subscriptions.keys()].filter(
      (filter) => !subscriptions.some((s) => s.topic === filter),
    );
    if (filters.length > 0) await store.commit({ kind: 'unsubscribe', clientId, filters });
    // Subscribing anew would send every retained message anew.
    const news = subscriptions.filter(({ topic, qos }) => session.subscriptions.get(topic)?.qos !== qos);
    if (news.length > 0) await store.commit({ kind: 'subscribe', clientId, subscriptions: news });
    return session;
  }

  async endSessionsExcept(clientIds: readonly string[]): Promise<void> {
    const { store } = this.#options;
    for (const clientId of [...store.state.sessions.keys()]) {
      if (!clientId.startsWith(BRIDGE_SESSION_PREFIX) || clientIds.includes(clientId)) continue;
      await store.commit({ kind: 'end', clientId });
    }
  }

  attach(attendant: Attendant): void {
    this.#options.switchboard.attach(attendant);
  }

  detach(attendant: Attendant): void {
    this.#options.switchboard.detach(attendant);
  }

  sendRetained(attendant: Attendant, { topic, qos }: StoredSubscription): void {
    this.#options.switchboard.sendRetained(attendant, topic, qos);
  }

  publish(clientId: string, message: BridgedMessage): Promise<void> {
    return this.#options.ingress.takeBridged(clientId, message);
  }

  acknowledged(clientId: string, id: DeliveryId): void {
    this.#options.store.acknowledged(clientId, id);
  }
}
