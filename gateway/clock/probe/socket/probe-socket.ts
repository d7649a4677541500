import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { type BackoffBounds, backoffMs } from '../../../../core/device-link/index.ts';
import { LatticeError } from '../../../../core/errors/index.ts';
import { listenError } from '../../../../core/process/index.ts';
import type { Random } from '../../../../core/random/index.ts';
import type { Timer } from '../../../../core/time/index.ts';
import { addCounters, noCounters } from '../counters.ts';
import type { ProbeEndOptions } from '../driver.ts';
import { ProbeListeners } from '../listeners.ts';
import { probeKey } from '../packet.ts';
import type { ProbeCounters, ProbePeer, ProbeSource, Refusal } from '../types.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './messages.ts';

const WORKER = new URL('./worker.ts', import.meta.url);
const RESTART_BACKOFF: BackoffBounds = { firstMs: 100, lastMs: 10_000 };
/** A thread that has run this long is well again: the next restart is quick. */
const STABLE_MS = 30_000;
/** What it needs is little, and a small young generation is collected in less than a millisecond. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

export interface ProbeSocketOptions extends Omit<ProbeEndOptions, 'nonce'> {
  siteKey: string;
  /** Port 0 takes a free one. An IPv6 host, as `::`, serves IPv4 too. */
  listen: { host: string; port: number };
  random: Random;
  log: Logger;
}

/**
 * Probes over UDP, from a thread of its own, so that a busy main thread biases no stamp. A thread that ends is started again, on the
 * same port; what was under way is lost, as datagrams are.
 */
export class ProbeSocket implements ProbeSource {
  readonly #options: ProbeSocketOptions;
  readonly #listeners = new ProbeListeners();
  #state: 'new' | 'started' | 'stopped' = 'new';
  #worker: Worker | undefined;
  #peers: readonly ProbePeer[] = [];
  /** Where it listens, once it has: a thread that is started again has to be found there. */
  #port: number | undefined;
  #restartTimer: Timer | undefined;
  #failures = 0;
  #restarts = 0;
  /** Of threads that have ended, and what was not sent for want of one. */
  #countedBefore = noCounters();
  #reported: { counters: ProbeCounters; refusals: Refusal[] } = { counters: noCounters(), refusals: [] };

  constructor(options: ProbeSocketOptions) {
    this.#options = options;
  }

  /** Resolves when it listens. Once. Rejects with PORT_TAKEN or PORT_UNUSABLE. */
  async start(): Promise<{ port: number }> {
    if (this.#state !== 'new') throw new LatticeError('INTERNAL', 'A socket for probes is started once.');
    this.#state = 'started';
    this.#port = await this.#launch();
    return { port: this.#port };
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#restartTimer?.cancel();
    await this.#worker?.terminate();
  }

  setPeers(peers: readonly ProbePeer[]): void {
    this.#peers = peers;
    this.#post({ type: 'peers', peers });
  }

  probe(peer: string, count: number, spacingMs: number): void {
    if (this.#post({ type: 'probe', peer, count, spacingMs })) return;
    this.#countedBefore.notSent += count;
    this.#listeners.tellUnanswered({ peer, path: 'udp', probes: count });
  }

  onExchange: ProbeSource['onExchange'] = (listener) => this.#listeners.onExchange(listener);
  onUnanswered: ProbeSource['onUnanswered'] = (listener) => this.#listeners.onUnanswered(listener);

  /** As the thread told within the last second. */
  counters(): ProbeCounters {
    return addCounters(this.#countedBefore, this.#reported.counters);
  }

  /** The last of each kind, the newest first. */
  refusals(): Refusal[] {
    return this.#reported.refusals;
  }

  /** Where it listens, once it has. */
  get port(): number | undefined {
    return this.#port;
  }

  /** How often the thread was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** False while there is no thread. */
  #post(message: ToWorker): boolean {
    this.#worker?.postMessage(message);
    return this.#worker !== undefined;
  }

  /** Starts a thread; resolves with its port when it listens, and rejects when it ends before that. */
  #launch(): Promise<number> {
    const { own, boot, siteKey, limits = {}, clock } = this.#options;
    const listen = { ...this.#options.listen, port: this.#port ?? this.#options.listen.port };
    const workerData: WorkerSettings = { own, boot, key: probeKey(siteKey), listen, limits };
    const worker = new Worker(WORKER, { name: 'clock-probe', workerData, resourceLimits: RESOURCE_LIMITS });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let fault: unknown;
    let listensSinceMs: number | undefined;
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'listening') {
        listensSinceMs = clock.monotonicMs();
        resolve(message.port);
      } else if (message.type === 'listenFailed') fault = bindError(message, listen);
      else this.#on(message);
    });
    worker.on('error', (error) => {
      fault = error;
    });
    worker.on('exit', (code) => {
      fault ??= new LatticeError('INTERNAL', `The thread of the clock's probes ended with code ${code}.`);
      reject(fault);
      this.#ended(fault, listensSinceMs);
    });
    this.#worker = worker;
    this.#post({ type: 'peers', peers: this.#peers });
    return promise;
  }

  #on(message: FromWorker): void {
    switch (message.type) {
      case 'exchange':
        this.#listeners.tellExchange(message.exchange);
        break;
      case 'unanswered':
        this.#listeners.tellUnanswered(message.unanswered);
        break;
      case 'unresolved':
        this.#options.log.warn(
          message,
          'the address of a gateway cannot be resolved, its clock cannot be measured over UDP',
        );
        break;
      case 'report':
        this.#reported = message;
        break;
    }
  }

  #ended(err: unknown, listenedSinceMs: number | undefined): void {
    const { clock, random, log } = this.#options;
    this.#worker = undefined;
    this.#countedBefore = this.counters();
    this.#reported = { counters: noCounters(), refusals: this.#reported.refusals };
    // A first start that failed is for the caller to see.
    if (this.#state === 'stopped' || this.#port === undefined) return;
    if (listenedSinceMs !== undefined && clock.monotonicMs() - listenedSinceMs > STABLE_MS) this.#failures = 0;
    const delayMs = backoffMs(this.#failures, random, RESTART_BACKOFF);
    this.#failures += 1;
    log.warn({ err, delayMs }, "the thread of the clock's probes ended and is started again");
    this.#restartTimer = clock.setTimer(delayMs, () => {
      this.#restarts += 1;
      // When it fails, its end is told there.
      this.#launch().catch(() => {});
    });
  }
}

function bindError({ errno, reason }: { errno: string | undefined; reason: string }, listen: WorkerSettings['listen']) {
  const { host, port } = listen;
  const cause = Object.assign(new Error(reason), { code: errno });
  if (errno === 'EADDRINUSE') return listenError(cause, host, port);
  return new LatticeError('PORT_UNUSABLE', `UDP port ${port} on ${host}: ${reason}.`, { cause });
}
