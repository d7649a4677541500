import { seededRandom } from '../../../../core/random/index.ts';
import { delay, systemClock } from '../../../../core/time/index.ts';
import { Publisher } from './publisher.ts';
import type { LoadSpec } from './spec.ts';
import { Subscriber } from './subscriber.ts';
import { telemetry } from './telemetry.ts';

const FILTER = 'mesh/v1/bench/+/state';
/** A prime, so that the sample does not fall in step with the windows. */
const SAMPLE_EVERY = 17;
/**
 * Messages that may be on their way to subscribers, all together. A broker that acknowledges faster than it delivers is thus
 * measured at what it delivers, and not at how much it can pile up.
 */
const UNDELIVERED_MAX = 10_000;
const LOGINS_AT_ONCE = 20;
const PROBE_INTERVAL_MS = 50;
const PROBES_MAX = 200;
/** When nothing has come for so long, no probe is under way any more. */
const QUIET_MS = 200;

export interface TrafficOptions {
  spec: LoadSpec;
  onLatency(latencyUs: number): void;
  onDelivered(): void;
  onFailure(reason: string): void;
}

/** The clients of one run, and the messages among them. */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #publishers: Publisher[];
  readonly #subscribers: Subscriber[];
  readonly #startedMs = performance.now();
  #isSending = false;
  #isPumpDue = false;
  /** The publisher whose turn it is when not all of them may send. */
  #turn = 0;
  /** Messages still to be sent. */
  #budget = Number.POSITIVE_INFINITY;
  #isBounded = true;
  published = 0;
  delivered = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
    const { spec, onFailure: onClose } = options;
    const { publishPort, subscribePort, username, password, qos, payloadBytes, window, topicsPerPublisher } = spec;
    const common = { username, password, onClose };
    const random = seededRandom(spec.seed);
    const { stampAt } = telemetry(payloadBytes, random);
    const onRoom = (): void => this.#pumpSoon();
    this.#publishers = Array.from({ length: spec.publishers }, (_, index) => {
      const topics = Array.from({ length: topicsPerPublisher }, (_, device) => topicOf(index, device));
      const sheet = { topics, qos, payloadBytes, random: random.fork(`${index}`) };
      return new Publisher({ ...common, port: publishPort, clientId: `bench-pub-${index}`, sheet, window, onRoom });
    });
    this.#subscribers = Array.from({ length: spec.subscribers }, (_, index) => {
      return new Subscriber({
        ...common,
        port: subscribePort,
        clientId: `bench-sub-${index}`,
        stampAt,
        sampleEvery: SAMPLE_EVERY,
        onSample: (stampUs) => options.onLatency(this.#elapsedUs() - stampUs),
        onDelivered: (messages) => {
          this.delivered += messages;
          options.onDelivered();
          this.#pumpSoon();
        },
      });
    });
  }

  /** Connects everybody, and sends single messages until they reach every subscriber and no more of them are under way. */
  async open(): Promise<void> {
    const { qos } = this.#options.spec;
    const connections = [...this.#subscribers, ...this.#publishers].map(({ connection }) => connection);
    // The first alone: brokers hash a password at length once and remember the outcome.
    await connections[0]?.open();
    for (let at = 1; at < connections.length; at += LOGINS_AT_ONCE) {
      await Promise.all(connections.slice(at, at + LOGINS_AT_ONCE).map((connection) => connection.open()));
    }
    await Promise.all(this.#subscribers.map(({ connection }) => connection.subscribe(FILTER, qos)));
    for (let tries = 0; this.delivered < this.#subscribers.length; tries++) {
      if (tries === PROBES_MAX) throw new Error('No message reaches the subscribers.');
      this.#publishers[0]?.send(1, this.#elapsedUs());
      await delay(systemClock, PROBE_INTERVAL_MS);
    }
    for (let before = -1; before !== this.delivered; ) {
      before = this.delivered;
      await delay(systemClock, QUIET_MS);
    }
    this.delivered = 0;
    this.published = 0;
  }

  /** Sends without end, or so many messages regardless of how many of them are delivered. */
  start(messages?: number): void {
    this.#isSending = true;
    this.#isBounded = messages === undefined;
    this.#budget = messages ?? Number.POSITIVE_INFINITY;
    this.#pump();
  }

  stop(): void {
    this.#isSending = false;
  }

  get undelivered(): number {
    return this.published * this.#subscribers.length - this.delivered;
  }

  get unacknowledged(): number {
    return this.#publishers.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  close(): void {
    for (const { connection } of [...this.#publishers, ...this.#subscribers]) {
      connection.socket.removeAllListeners('close').destroy();
    }
  }

  #elapsedUs(): number {
    return (performance.now() - this.#startedMs) * 1_000;
  }

  /** Once all reads of this turn of the event loop are handled, so that one write carries what they made room for. */
  #pumpSoon(): void {
    if (this.#isPumpDue || !this.#isSending) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      if (this.#isSending) this.#pump();
    });
  }

  #pump(): void {
    const elapsedUs = this.#elapsedUs();
    const bound = this.#isBounded ? UNDELIVERED_MAX - this.undelivered : Number.POSITIVE_INFINITY;
    let room = Math.min(this.#budget, Math.floor(bound / this.#subscribers.length));
    for (let i = 0; i < this.#publishers.length && room > 0; i++) {
      const sent = (this.#publishers[this.#turn] as Publisher).send(room, elapsedUs);
      this.#turn = (this.#turn + 1) % this.#publishers.length;
      room -= sent;
      this.#budget -= sent;
      this.published += sent;
    }
  }
}

function topicOf(publisher: number, device: number): string {
  const number = (value: number): string => String(value).padStart(3, '0');
  return `mesh/v1/bench/d${number(publisher)}-${number(device)}/state`;
}
