import type { Logger } from 'pino';
import { codeOf, messageOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import type { FencingToken } from '../../core/wire/index.ts';
import { type Coordinator, claimFence, isHolder } from '../coordination/index.ts';
import { type LedgerAuthor, ledgeredTransaction } from '../ledger/index.ts';
import { SHARDS_KEY } from './keys.ts';
import { epochIn, type ShardEpoch } from './shard-epoch.ts';

export interface EpochKeeperOptions {
  group: Pick<Coordinator, 'get' | 'transaction'>;
  /** Tells when this gateway leads its site, with a token that grows from leader to leader, and when it does no more. */
  onLeadership: (listener: (fencingToken: number | undefined) => void) => () => void;
  /** What the tokens are of; as for the jobs. */
  scope: string;
  /** In whose name the gateway changes the epoch; it has to be an author of the ledger. */
  author: LedgerAuthor;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Until it is tried again, ms, half of it random. Default 2,000. */
  retryMs?: number;
}

const RETRY_MS = 2_000;

/** Word of the ledger for a new epoch. */
const SET_EPOCH = 'fleet.shards.epoch';

/** While this gateway leads its site, it sees to it that the shard map's epoch stands for the members as they are. */
export class EpochKeeper {
  readonly #options: EpochKeeperOptions;
  #stopListening: (() => void) | undefined;
  #members: string[] = [];
  #token: number | undefined;
  #changed = new AbortController();
  #isStopped = false;
  #isWorking = false;
  #working: Promise<void> = Promise.resolve();

  constructor(options: EpochKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopListening ??= this.#options.onLeadership((token) => {
      this.#token = token;
      this.#look();
    });
  }

  /** The gateways that the shards are divided among, as this gateway knows them; none while it does not know yet. */
  setMembers(names: string[]): void {
    this.#members = [...names].sort();
    this.#look();
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopListening?.();
    this.#changed.abort();
    await this.#working;
  }

  #look(): void {
    this.#changed.abort();
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#working = this.#work();
  }

  /** Never rejects. Ends when there is nothing to do for now. */
  async #work(): Promise<void> {
    const { clock, random, log, scope, retryMs = RETRY_MS } = this.#options;
    for (;;) {
      this.#changed = new AbortController();
      const { signal } = this.#changed;
      if (this.#isStopped || this.#token === undefined || this.#members.length === 0) break;
      const fence = { scope, token: this.#token };
      try {
        const epoch = await this.#write(fence, this.#members);
        if (epoch !== undefined) log.info({ ...epoch }, 'the shards have a new epoch');
        if (!signal.aborted) break;
      } catch (error) {
        log.warn({ code: codeOf(error), reason: messageOf(error) }, 'the epoch of the shards could not be written');
        if (codeOf(error) === 'FENCED' && !signal.aborted) break;
        await delay(clock, retryMs * (0.5 + random.next() / 2), signal);
      }
    }
    this.#isWorking = false;
  }

  /** The new epoch; undefined when the one that stands is right. Rejects with FENCED when a later leader was there. */
  async #write(fence: FencingToken, members: string[]): Promise<ShardEpoch | undefined> {
    const { group, clock, author } = this.#options;
    for (;;) {
      await claimFence(group, fence);
      const found = await group.get(SHARDS_KEY);
      const known = epochIn(found);
      if (known !== undefined && known.members.join() === members.join()) return undefined;
      const next = { epoch: (known?.epoch ?? 0) + 1, members, term: fence.token };
      const { succeeded } = await ledgeredTransaction(
        { group, clock, author },
        { act: SET_EPOCH, details: { ...next } },
        {
          compare: [
            isHolder(fence),
            { key: SHARDS_KEY, target: 'modRevision', op: '=', value: found?.modRevision ?? 0 },
          ],
          operations: [{ op: 'put', key: SHARDS_KEY, value: JSON.stringify(next) }],
        },
      );
      if (succeeded) return next;
    }
  }
}
