import type { Clock } from '../../../core/time/index.ts';
import type { Unsubscribe } from '../../transport/index.ts';
import { ProbeDriver, type ProbeEndOptions } from './driver.ts';
import { ProbeListeners } from './listeners.ts';
import { probeKey } from './packet.ts';
import type { ProbeCounters, ProbePathName, ProbePeer, ProbeSource, Refusal } from './types.ts';

/** Something that brings packets to peers by their names, and is there for other things too. */
export interface Carrier {
  path: ProbePathName;
  /** False when it was not sent. */
  send(peer: string, bytes: Buffer): boolean;
  /** The bearer is who brought the packet, where that is known. */
  onPacket(listener: (packet: { bytes: Buffer; address: string; bearer?: string }) => void): Unsubscribe;
}

export interface CarriedProbesOptions extends ProbeEndOptions {
  siteKey: string;
}

/**
 * Probes over what gateways have besides, where UDP does not pass. Stamps are taken on the main thread: what it does in between
 * shows as a longer round trip, and so as a larger uncertainty.
 */
export abstract class CarriedProbes implements ProbeSource {
  readonly #clock: Clock;
  readonly #carrier: Carrier;
  readonly #driver: ProbeDriver;
  readonly #listeners = new ProbeListeners();
  #unsubscribe: Unsubscribe | undefined;

  constructor(options: CarriedProbesOptions, carrier: Carrier) {
    this.#clock = options.clock;
    this.#carrier = carrier;
    this.#driver = new ProbeDriver({
      ...options,
      path: carrier.path,
      key: probeKey(options.siteKey),
      send: (peer, bytes) => carrier.send(peer, bytes),
      onExchange: this.#listeners.tellExchange,
      onUnanswered: this.#listeners.tellUnanswered,
    });
  }

  /** Safe twice. */
  start(): void {
    this.#unsubscribe ??= this.#carrier.onPacket((packet) => {
      const receivedMs = this.#clock.monotonicMs();
      this.#driver.receive({ ...packet, receivedMs, waitedMsMax: 0 });
    });
  }

  /** Safe twice. */
  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#driver.stop();
  }

  setPeers(peers: readonly ProbePeer[]): void {
    this.#driver.setPeers(peers.map(({ name }) => name));
  }

  probe(peer: string, count: number, spacingMs: number): void {
    this.#driver.probe(peer, count, spacingMs);
  }

  onExchange: ProbeSource['onExchange'] = (listener) => this.#listeners.onExchange(listener);
  onUnanswered: ProbeSource['onUnanswered'] = (listener) => this.#listeners.onUnanswered(listener);

  counters(): ProbeCounters {
    return this.#driver.counters();
  }

  /** The last of each kind, the newest first. */
  refusals(): Refusal[] {
    return this.#driver.refusals();
  }
}
