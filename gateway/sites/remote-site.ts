import type { z } from 'zod';
import { type BackoffBounds, backoffMs } from '../../core/device-link/index.ts';
import { codeOf, type ErrorCode, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import { RequestWindow } from '../coordination/drivers/request-window.ts';
import type {
  CallOptions,
  KeyRange,
  KeyValue,
  ReadOptions,
  Transaction,
  TransactionResult,
} from '../coordination/types.ts';
import { randomId, type SiteGroup } from '../transactions/index.ts';
import type { PeerId, Transport } from '../transport/index.ts';
import type { Method, Rpc } from '../transport/rpc/index.ts';
import { RANGE_LIMIT_MAX, siteRange, siteTransaction } from './methods.ts';

const TIMEOUT_MS_DEFAULT = 5_000;
/** Below what the state of the other site remembers of one client. */
const REQUESTS_MAX = 48;
/** How long one gateway is waited for before the next is asked; beyond an election of its group. */
const ATTEMPT_MS = 1_000;
/** Between two rounds over all gateways. */
const ROUND_BACKOFF: BackoffBounds = { firstMs: 20, lastMs: 500 };
/** Another gateway of the site may do better. */
const NEXT_MAY_HELP: ReadonlySet<ErrorCode> = new Set([
  'RPC_UNREACHABLE',
  'RPC_TIMEOUT',
  'RPC_FAILED',
  'COORDINATION_UNAVAILABLE',
  'COORDINATION_TIMEOUT',
]);
/** After these, nobody knows whether it was carried out. */
const MAY_BE_DONE: ReadonlySet<ErrorCode> = new Set(['RPC_TIMEOUT', 'COORDINATION_TIMEOUT']);

export interface RemoteSiteOptions {
  site: string;
  /** Its gateways, at least one, as the transport knows them. */
  gateways: readonly PeerId[];
  transport: Transport;
  rpc: Rpc;
  clock: Clock;
  random: Random;
  attemptMs?: number;
}

/**
 * The group of another site, through any of its gateways: one that does not answer is left for the next. A transaction keeps
 * its id on the way from one to the next, so it is carried out once.
 */
export class RemoteSite implements SiteGroup {
  readonly #options: Required<RemoteSiteOptions>;
  readonly #client: string;
  readonly #window = new RequestWindow(REQUESTS_MAX);
  #sequence = 0;
  /** Of the gateway that has answered last. */
  #preferred = 0;
  /** How often a gateway did not answer as it should, and the next was asked. */
  readonly counters = { failovers: 0 };

  constructor(options: RemoteSiteOptions) {
    this.#options = { attemptMs: ATTEMPT_MS, ...options };
    this.#client = randomId(options.random);
  }

  get isUp(): boolean {
    const { gateways, transport } = this.#options;
    return gateways.some((gateway) => transport.isUp(gateway));
  }

  async transaction(transaction: Transaction, options?: CallOptions): Promise<TransactionResult> {
    await this.#window.room(() => this.#sequence + 1);
    const sequence = ++this.#sequence;
    this.#window.begin(sequence);
    try {
      return await this.#ask(siteTransaction, { id: { client: this.#client, sequence }, transaction }, options);
    } finally {
      this.#window.end(sequence);
    }
  }

  /** Linearizable, at the newest revision. */
  range(
    range: KeyRange,
    { limit = RANGE_LIMIT_MAX, ...options }: ReadOptions = {},
  ): Promise<{ keyValues: KeyValue[]; revision: number; hasMore: boolean }> {
    return this.#ask(siteRange, { range, limit: Math.min(limit, RANGE_LIMIT_MAX) }, options);
  }

  async #ask<Request extends z.ZodType, Reply extends z.ZodType>(
    method: Method<Request, Reply>,
    request: z.input<Request>,
    { timeoutMs = TIMEOUT_MS_DEFAULT, signal }: CallOptions = {},
  ): Promise<z.output<Reply>> {
    const { site, clock, random, attemptMs } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    let mayBeDone = false;
    let reason = 'it was given up before it was asked for';
    for (let round = 0; ; round++) {
      for (const at of this.#order()) {
        const leftMs = deadlineMs - clock.monotonicMs();
        if (leftMs <= 0 || signal?.aborted) throw unanswered(site, mayBeDone, reason);
        try {
          const reply = await this.#askOne(at, method, request, Math.min(leftMs, attemptMs), signal);
          this.#preferred = at;
          return reply;
        } catch (error) {
          const code = signal?.aborted ? 'COORDINATION_TIMEOUT' : codeOf(error);
          if (!NEXT_MAY_HELP.has(code)) throw error;
          mayBeDone ||= MAY_BE_DONE.has(code);
          reason = messageOf(error);
          this.counters.failovers += 1;
        }
      }
      await delay(clock, Math.min(backoffMs(round, random, ROUND_BACKOFF), timeoutMs), signal);
    }
  }

  /** A gateway that goes away is not waited for. */
  async #askOne<Request extends z.ZodType, Reply extends z.ZodType>(
    at: number,
    method: Method<Request, Reply>,
    request: z.input<Request>,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<z.output<Reply>> {
    const { gateways, transport, rpc } = this.#options;
    const gateway = gateways[at] as PeerId;
    const lost = new AbortController();
    const unsubscribe = transport.onPeerDown((peer) => {
      if (peer === gateway) lost.abort(new LatticeError('RPC_TIMEOUT', `${gateway} went away while it was asked.`));
    });
    try {
      const both = signal === undefined ? lost.signal : AbortSignal.any([lost.signal, signal]);
      return await rpc.call(gateway, method, request, { deadlineMs, signal: both });
    } finally {
      unsubscribe();
    }
  }

  /** Those that are connected, the one that has answered last in front; all, when none is. */
  #order(): number[] {
    const { gateways, transport } = this.#options;
    const all = gateways.map((_, index) => (this.#preferred + index) % gateways.length);
    const up = all.filter((at) => transport.isUp(gateways[at] as PeerId));
    return up.length > 0 ? up : all;
  }
}

function unanswered(site: string, mayBeDone: boolean, reason: string): LatticeError {
  const what = `No gateway of the site ${site} has answered in time: ${reason}`;
  return new LatticeError(mayBeDone ? 'COORDINATION_TIMEOUT' : 'COORDINATION_UNAVAILABLE', what);
}
