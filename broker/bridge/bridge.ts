import type { Logger } from 'pino';
import { backoffMs } from '../../core/device-link/index.ts';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import type { BridgeState } from '../../core/wire/index.ts';
import type { BridgeConfig } from './config.ts';
import { BridgeConnection } from './connection.ts';
import { UnacceptableVersion } from './faults.ts';
import { Inbox } from './inbox.ts';
import { EchoMemory, type LoopBreaker } from './loop-guard.ts';
import { Outbox } from './outbox.ts';
import { BRIDGE_SESSION_PREFIX, BridgeCounters, type BridgePort } from './port.ts';
import { Routes } from './routes.ts';
import { type BridgeSecrets, readSecrets } from './secrets.ts';

export interface BridgeOptions {
  config: BridgeConfig;
  port: BridgePort;
  /** Shared by all bridges of the broker. */
  breaker: LoopBreaker;
  clock: Clock;
  random: Random;
  log: Logger;
}

/** A connection that lasted this long was a good one, and the wait before the next attempt is short again. */
const STABLE_MS = 5_000;
const DISCONNECT_TIMEOUT_MS = 1_000;
const DROP_LOG_INTERVAL_MS = 60_000;

/** Keeps one other broker connected: out of a session of this broker's own, and into its journal. */
export class Bridge {
  readonly sessionId: string;
  readonly #options: BridgeOptions;
  readonly #log: Logger;
  readonly #routes: Routes;
  readonly #inbox: Inbox;
  readonly #counters = new BridgeCounters();
  readonly #echoes = new EchoMemory();
  readonly #stopping = new AbortController();
  readonly #droppedLoggedMs = new Map<string, number>();
  #outbox: Outbox | undefined;
  #connection: BridgeConnection | undefined;
  #state: BridgeState['state'] = 'connecting';
  #reason: string | undefined;
  #saysBridge: boolean;
  /** Since the process began; before, the routes may have been others. */
  #wasSubscribed = false;
  #hasSentRetained = false;
  #running: Promise<void> | undefined;

  constructor(options: BridgeOptions) {
    const { config, port, breaker, clock, log } = options;
    this.#options = options;
    this.#log = log.child({ bridge: config.id, url: config.url });
    this.#saysBridge = config.bridgeBit;
    this.#routes = new Routes(config.routes);
    this.sessionId = `${BRIDGE_SESSION_PREFIX}${config.id}`;
    this.#inbox = new Inbox({
      clientId: this.sessionId,
      port,
      routes: this.#routes,
      breaker,
      counters: this.#counters,
      monotonicMs: () => clock.monotonicMs(),
    });
  }

  /** From here on what is to go out waits in the session, until start() brings it away. Rejects when the disk does not take it. */
  async open(): Promise<void> {
    const { port, breaker, clock } = this.#options;
    const session = await port.openSession(this.sessionId, this.#routes.localSubscriptions);
    this.#outbox = new Outbox({
      session,
      port,
      routes: this.#routes,
      breaker,
      counters: this.#counters,
      monotonicMs: () => clock.monotonicMs(),
      onDropped: (cause, topic, reason) => this.#logDropped(cause, topic, reason),
    });
    port.attach(this.#outbox);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Waits for what is in flight, for a second at most. Safe twice. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return this.#running;
    this.#stopping.abort();
    this.#outbox?.hold();
    const connection = this.#connection;
    if (connection !== undefined) {
      const timeout = new AbortController();
      await Promise.race([connection.disconnect(), delay(this.#options.clock, DISCONNECT_TIMEOUT_MS, timeout.signal)]);
      timeout.abort();
      connection.cut();
    }
    if (this.#outbox !== undefined) this.#options.port.detach(this.#outbox);
    return this.#running;
  }

  state(): BridgeState {
    const { id, url } = this.#options.config;
    const { sent, received, loop, down, refused, invalid } = this.#counters;
    const queue = this.#outbox?.session.queue;
    return {
      id,
      url,
      state: this.#state,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      sent,
      received,
      dropped: { loop, down, queue: queue?.dropped ?? 0, refused, invalid },
      queued: queue?.size ?? 0,
      queuedBytes: queue?.bytes ?? 0,
    };
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const startedAtMs = clock.monotonicMs();
      const wasUp = await this.#serve();
      if (wasUp && clock.monotonicMs() - startedAtMs >= STABLE_MS) failures = 0;
      await delay(clock, backoffMs(failures++, random), signal);
    }
  }

  /** One connection from its attempt to its end. Resolves with whether it was ever up. */
  async #serve(): Promise<boolean> {
    let secrets: BridgeSecrets;
    try {
      secrets = await readSecrets(this.#options.config);
    } catch (error) {
      this.#note('down', error);
      return false;
    }
    if (this.#stopping.signal.aborted) return false;
    return new Promise((resolve) => {
      let wasUp = false;
      const end = (error: unknown): void => {
        this.#outbox?.close();
        this.#connection = undefined;
        if (error instanceof UnacceptableVersion) this.#saysBridge = false;
        if (!this.#stopping.signal.aborted) this.#note(codeOf(error) === 'BRIDGE_REFUSED' ? 'refused' : 'down', error);
        resolve(wasUp);
      };
      try {
        this.#connection = this.#connect(secrets, end, () => {
          wasUp = true;
        });
      } catch (cause) {
        end(new LatticeError('BRIDGE_DOWN', `${this.#options.config.url}: ${messageOf(cause)}.`, { cause }));
      }
    });
  }

  #connect(secrets: BridgeSecrets, onEnd: (error: LatticeError) => void, onUp: () => void): BridgeConnection {
    const { config, port } = this.#options;
    return new BridgeConnection({
      config,
      secrets,
      clientId: config.clientId ?? `lattice/${port.nodeName()}/${config.id}`,
      saysBridge: this.#saysBridge,
      echoes: this.#echoes,
      packetBytesMax: port.packetBytesMax,
      subscriptions: this.#routes.remoteSubscriptions,
      isSubscribed: this.#wasSubscribed,
      take: (message, echoes) => this.#inbox.take(message, echoes),
      onUp: (lane) => {
        onUp();
        this.#state = 'up';
        this.#reason = undefined;
        this.#log.info('the bridge is up');
        this.#outbox?.open(lane);
        this.#sendRetained();
      },
      onSubscribed: () => {
        this.#wasSubscribed = true;
      },
      onWithheld: (error) => this.#note('up', error),
      onRoom: () => this.#outbox?.wake(),
      onEnd,
    });
  }

  /** The session holds those of QoS 1 and 2 since it subscribed. The others are sent once: later ones follow as they come. */
  #sendRetained(): void {
    if (this.#hasSentRetained || this.#outbox === undefined) return;
    this.#hasSentRetained = true;
    for (const subscription of this.#routes.localSubscriptions) {
      this.#options.port.sendRetained(this.#outbox, subscription);
    }
  }

  /** A line in the log for each change, and none for what was said last. */
  #note(state: BridgeState['state'], error: unknown): void {
    const reason = messageOf(error);
    const isNews = state !== this.#state || reason !== this.#reason;
    this.#state = state;
    this.#reason = reason;
    if (isNews) this.#log.warn({ code: codeOf(error), reason }, 'the bridge does not work as configured');
  }

  /** The first one of each kind, and then one in a minute at most; the counters have them all. */
  #logDropped(cause: 'loop' | 'refused', topic: string, reason: string): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - (this.#droppedLoggedMs.get(cause) ?? Number.NEGATIVE_INFINITY) < DROP_LOG_INTERVAL_MS) return;
    this.#droppedLoggedMs.set(cause, nowMs);
    const code = cause === 'loop' ? 'BRIDGE_LOOP' : 'PUBLISH_REFUSED';
    this.#log.warn({ code, topic, reason, count: this.#counters[cause] }, 'a message for the other broker was dropped');
  }
}
