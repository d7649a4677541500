import { codeOf, type ErrorCode } from '../../../core/errors/index.ts';
import type { Coordinator, KeyRange, WatchBatch } from '../../../gateway/coordination/index.ts';

/** A store and its clients. */
export interface CoordinatorCluster {
  /** Three or more clients of the one store. */
  coordinators: Coordinator[];
  /** A client more, that the test closes. */
  connect(): Promise<Coordinator>;
  stop(): Promise<void>;
  /** Lets time go by for the store and its clients; without it the suite waits. */
  advanceTime?(durationMs: number): Promise<void>;
  /** Makes the store silent, not closed, until the function that it resolves with is called. */
  hang(): Promise<() => Promise<void>>;
  /** Ends the store without warning and starts it again with what it has on disk. */
  restart(): Promise<void>;
}

/** What the tests of the contract stand on. */
export class Bench {
  #cluster: CoordinatorCluster | undefined;
  #test = 0;

  open(cluster: CoordinatorCluster): void {
    this.#cluster = cluster;
  }

  async close(): Promise<void> {
    await this.#cluster?.stop();
  }

  nextTest(): void {
    this.#test++;
  }

  get cluster(): CoordinatorCluster {
    if (this.#cluster === undefined) throw new Error('The store was not started.');
    return this.#cluster;
  }

  get store(): Coordinator {
    return this.cluster.coordinators[0]!;
  }

  /** Another client of the same store. */
  get other(): Coordinator {
    return this.cluster.coordinators[1]!;
  }

  /** A key of this test alone. */
  key(name: string): string {
    return `t${this.#test}/${name}`;
  }

  /** Every key of this test. */
  get all(): KeyRange {
    return { prefix: this.key('') };
  }

  names(keyValues: readonly { key: string }[]): string[] {
    return keyValues.map(({ key }) => key.slice(this.key('').length));
  }

  async elapse(durationMs: number): Promise<void> {
    if (this.cluster.advanceTime !== undefined) await this.cluster.advanceTime(durationMs);
    else await new Promise((resolve) => setTimeout(resolve, durationMs));
  }

  /** Lets time go by until the check holds; throws after timeoutMs of it. */
  async elapseUntil(check: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    for (let elapsedMs = 0; elapsedMs <= timeoutMs; elapsedMs += 50) {
      if (await check()) return;
      await this.elapse(50);
    }
    throw new Error(`Did not happen within ${timeoutMs} ms.`);
  }

  /** The outcome of a call while time goes by. */
  async settle<T>(call: Promise<T>, timeoutMs = 10_000): Promise<T> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    call.then(mark, mark);
    await this.elapseUntil(async () => isSettled, timeoutMs);
    return call;
  }

  /** The code that a call rejects with; 'resolved' when it does not. */
  async code(call: Promise<unknown>): Promise<ErrorCode | 'resolved'> {
    return call.then(() => 'resolved' as const, codeOf);
  }

  /** The first batches of a watch; ends it. */
  async take(range: KeyRange, count: number, fromRevision: number, store = this.store): Promise<WatchBatch[]> {
    const aborter = new AbortController();
    const batches: WatchBatch[] = [];
    for await (const batch of store.watch(range, { fromRevision, signal: aborter.signal })) {
      batches.push(batch);
      if (batches.length === count) break;
    }
    aborter.abort();
    return batches;
  }

  /** Every batch of a watch until it ends. */
  async collect(watch: AsyncIterable<WatchBatch>): Promise<WatchBatch[]> {
    const batches: WatchBatch[] = [];
    for await (const batch of watch) batches.push(batch);
    return batches;
  }
}
