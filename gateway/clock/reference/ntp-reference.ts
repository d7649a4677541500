import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { Logger } from 'pino';
import type { BackoffBounds } from '../../../core/device-link/index.ts';
import { ERROR_CODES, type ErrorCode } from '../../../core/errors/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import { Association } from '../ntp/index.ts';
import type { NtpReferenceConfig } from './config.ts';
import { NtpPoller, REOPEN_BACKOFF, type Resolve } from './ntp-poller.ts';
import { SampleListeners } from './sample-listeners.ts';
import type { ReferenceSample, ReferenceState, TimeReference, Unsubscribe } from './types.ts';
import { type JudgedServer, serverStateOf, statusOf, type Verdict, verdictOf } from './verdict.ts';

export interface NtpReferenceOptions {
  config: Omit<NtpReferenceConfig, 'kind'>;
  clock: Clock;
  /** For the waits after faults. */
  random: Random;
  log: Logger;
  resolve?: Resolve;
  /** The number that a reply has to bring back: 64 bits that nobody can guess. */
  nonce?: () => bigint;
  backoff?: BackoffBounds;
}

type Server = JudgedServer & { poller: NtpPoller };

/** UTC from NTP servers that are held against each other. Tells a sample with each one of a server, once all have had their chance. */
export class NtpReference implements TimeReference {
  readonly #options: NtpReferenceOptions;
  readonly #servers: Server[];
  readonly #listeners = new SampleListeners();
  readonly #warned = new Map<string, ErrorCode | undefined>();

  constructor(options: NtpReferenceOptions) {
    this.#options = options;
    const { config, clock, random, resolve = lookup, nonce = unguessable, backoff = REOPEN_BACKOFF } = options;
    this.#servers = config.servers.map(({ host, port }) => {
      const association = new Association({ version: 4, nonce, ...config });
      const poller = new NtpPoller({
        server: { host, port },
        association,
        clock,
        random,
        resolve,
        backoff,
        onSample: () => this.#onSample(),
        onChange: () => this.#onChange(),
      });
      return { name: `${host.includes(':') ? `[${host}]` : host}:${port}`, association, poller };
    });
  }

  async start(): Promise<void> {
    for (const { poller } of this.#servers) poller.start();
  }

  async stop(): Promise<void> {
    for (const { poller } of this.#servers) poller.stop();
  }

  onSample(listener: (sample: ReferenceSample) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  state(): ReferenceState {
    const verdict = this.#verdict(this.#options.clock.monotonicMs());
    const followed = [...verdict.estimates].filter(([server]) => statusOf(server, verdict) === 'selected');
    const rejected: Record<string, number> = {};
    for (const { association } of this.#servers) {
      for (const [reason, count] of Object.entries(association.rejected)) {
        rejected[reason] = (rejected[reason] ?? 0) + count;
      }
    }
    return {
      kind: 'ntp',
      ...(this.#listeners.last !== undefined && { lastSample: this.#listeners.last }),
      ...(followed.length > 0 && { stratum: Math.min(...followed.map(([, { stratum }]) => stratum)) }),
      ...(verdict.fault !== undefined && { fault: verdict.fault }),
      servers: this.#servers.map((server) => serverStateOf(server, verdict)),
      rejected,
    };
  }

  #onSample(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const verdict = this.#verdict(nowMs);
    this.#warn(verdict);
    const { agreement, isFollowed } = verdict;
    if (!isFollowed || agreement.kind !== 'agreed') return;
    this.#listeners.tell({
      atMonotonicMs: nowMs,
      utcMs: nowMs + agreement.offsetMs,
      uncertaintyMs: agreement.uncertaintyMs,
      source: `ntp ${agreement.truechimers.join(', ')}`,
    });
  }

  #onChange(): void {
    // The last server that was waited for may just have had its chance.
    if (this.#listeners.last === undefined) this.#onSample();
    else this.#warn(this.#verdict(this.#options.clock.monotonicMs()));
  }

  #verdict(nowMs: number): Verdict {
    const { serversMin = Math.ceil(this.#servers.length / 2) } = this.#options.config;
    return verdictOf(this.#servers, serversMin, nowMs);
  }

  /** What a person should know, once for each time that it begins. */
  #warn(verdict: Verdict): void {
    const { fault } = verdict;
    this.#warnOnce('', fault?.code, fault?.detail);
    for (const server of this.#servers) {
      const { name, association } = server;
      if (association.isEnded) {
        this.#warnOnce(name, 'TIME_SERVER_REFUSES', `${name} says ${association.kissCode}.`);
      } else if (statusOf(server, verdict) === 'falseticker') {
        this.#warnOnce(name, 'TIME_SERVER_WRONG', `${name} contradicts the others.`);
      } else {
        this.#warnOnce(name, undefined);
      }
    }
  }

  #warnOnce(about: string, code: ErrorCode | undefined, reason?: string): void {
    if (this.#warned.get(about) === code) return;
    this.#warned.set(about, code);
    if (code !== undefined) this.#options.log.warn({ code, reason }, ERROR_CODES[code].what);
  }
}

function unguessable(): bigint {
  // 0 is no stamp.
  return randomBytes(8).readBigUInt64BE() || 1n;
}
