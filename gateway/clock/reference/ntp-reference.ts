import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { Logger } from 'pino';
import type { BackoffBounds } from '../../../core/device-link/index.ts';
import { ERROR_CODES, type ErrorCode } from '../../../core/errors/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import { Association, type NtpEstimate } from '../ntp/index.ts';
import type { NtpReferenceConfig } from './config.ts';
import { type Agreement, agreementOf } from './intersection.ts';
import { NtpPoller, REOPEN_BACKOFF, type Resolve } from './ntp-poller.ts';
import { SampleListeners } from './sample-listeners.ts';
import type {
  ReferenceFault,
  ReferenceSample,
  ReferenceState,
  ServerState,
  ServerStatus,
  TimeReference,
  Unsubscribe,
} from './types.ts';

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

interface Server {
  name: string;
  association: Association;
  poller: NtpPoller;
}

/** What the servers say together at one moment. */
interface Verdict {
  estimates: Map<Server, NtpEstimate>;
  agreement: Agreement;
  /** Every server has answered, or had its chance to. Until then one that lies might be the majority. */
  isSettled: boolean;
  /** Of what is settled. */
  fault: ReferenceFault | undefined;
}

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
    const followed = [...verdict.estimates].filter(([server]) => this.#statusOf(server, verdict) === 'selected');
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
      servers: this.#servers.map((server) => this.#stateOf(server, verdict)),
      rejected,
    };
  }

  #onSample(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const verdict = this.#verdict(nowMs);
    this.#warn(verdict);
    const { agreement } = verdict;
    if (agreement.kind !== 'agreed' || !isFollowed(verdict)) return;
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
    const estimates = new Map<Server, NtpEstimate>();
    for (const server of this.#servers) {
      const estimate = server.association.estimate(nowMs);
      if (estimate !== undefined) estimates.set(server, estimate);
    }
    const agreement = agreementOf([...estimates].map(([{ name }, estimate]) => ({ source: name, ...estimate })));
    const isSettled = !this.#servers.some(isStarting);
    return { estimates, agreement, isSettled, fault: isSettled ? this.#faultOf(estimates, agreement) : undefined };
  }

  #faultOf(estimates: Map<Server, NtpEstimate>, agreement: Agreement): ReferenceFault | undefined {
    const { serversMin } = this.#options.config;
    if (estimates.size < serversMin) {
      const reasons = this.#servers.filter((it) => !estimates.has(it)).map((it) => `${it.name}: ${whyNot(it)}`);
      const detail = `${estimates.size} of ${this.#servers.length} time servers can be used, at least ${serversMin} must. ${reasons.join('; ')}.`;
      return { code: 'TIME_REFERENCE_UNREACHABLE', detail };
    }
    if (agreement.kind !== 'disagreement') return undefined;
    const offsets = [...estimates].sort(([, a], [, b]) => a.offsetMs - b.offsetMs);
    const firstMs = offsets[0]?.[1].offsetMs ?? 0;
    const said = offsets.map(
      ([{ name }, it]) => `${name} is ${(it.offsetMs - firstMs).toFixed(3)} ± ${it.uncertaintyMs.toFixed(3)} ms`,
    );
    return { code: 'TIME_REFERENCE_DISAGREEMENT', detail: `Against the earliest: ${said.join(', ')}.` };
  }

  #stateOf(server: Server, verdict: Verdict): ServerState {
    const { name, association, poller } = server;
    const { agreement } = verdict;
    const estimate = verdict.estimates.get(server);
    const trouble = association.lastRefusal ?? poller.trouble;
    return {
      name,
      ...(poller.address !== undefined && { address: poller.address }),
      status: this.#statusOf(server, verdict),
      reach: association.reach,
      ...(estimate !== undefined && {
        stratum: estimate.stratum,
        refid: estimate.refid,
        delayMs: estimate.delayMs,
        rootDistanceMs: estimate.uncertaintyMs,
        ...(agreement.kind === 'agreed' && { offsetMs: estimate.offsetMs - agreement.offsetMs }),
      }),
      ...(association.kissCode !== undefined && { kissCode: association.kissCode }),
      ...(trouble !== undefined && { trouble }),
      pollMs: association.waitMs,
      rejected: { ...association.rejected },
    };
  }

  #statusOf(server: Server, verdict: Verdict): ServerStatus {
    const { association } = server;
    const { agreement } = verdict;
    if (!verdict.estimates.has(server)) {
      if (association.kissCode !== undefined) return 'kiss';
      if (association.lastRefusal !== undefined) return 'refused';
      return isStarting(server) ? 'starting' : 'unreachable';
    }
    if (agreement.kind !== 'agreed' || !isFollowed(verdict)) return 'undecided';
    return agreement.falsetickers.includes(server.name) ? 'falseticker' : 'selected';
  }

  /** What a person should know, once for each time that it begins. */
  #warn(verdict: Verdict): void {
    const { fault } = verdict;
    this.#warnOnce('', fault?.code, fault?.detail);
    for (const server of this.#servers) {
      const { name, association } = server;
      if (association.isEnded) {
        this.#warnOnce(name, 'TIME_SERVER_REFUSES', `${name} says ${association.kissCode}.`);
      } else if (this.#statusOf(server, verdict) === 'falseticker') {
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

function isFollowed({ isSettled, fault }: Verdict): boolean {
  return isSettled && fault === undefined;
}

/** It has neither given a sample nor had time enough for one. */
function isStarting({ association, poller }: Server): boolean {
  if (association.reach !== 0 || association.isEnded) return false;
  return association.isInBurst && association.lastRefusal === undefined && poller.trouble === undefined;
}

function whyNot({ association, poller }: Server): string {
  const { kissCode, lastRefusal } = association;
  if (kissCode !== undefined) return `kiss-o'-death ${kissCode}`;
  return lastRefusal ?? poller.trouble ?? (association.reach === 0 ? 'no answer' : 'too far from UTC');
}

function unguessable(): bigint {
  // 0 is no stamp.
  return randomBytes(8).readBigUInt64BE() || 1n;
}
