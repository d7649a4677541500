import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LatticeError } from '../../../../core/errors/index.ts';
import { seededRandom } from '../../../../core/random/index.ts';
import { VirtualClock } from '../../../../core/time/index.ts';
import { type CallOptions, defineMethod, Rpc, type RpcLimits } from '../../../../gateway/transport/rpc/index.ts';
import { MemoryNetwork, type MemoryTransport } from '../../../support/memory-transport.ts';

const A = { site: 'home', name: 'a' };
const B = { site: 'home', name: 'b' };
const add = defineMethod({
  name: 'add',
  request: z.object({ to: z.int(), by: z.int().default(1) }),
  reply: z.object({ sum: z.int() }),
});

describe('the RPC', () => {
  let clock: VirtualClock;
  let network: MemoryNetwork;
  let a: MemoryTransport;
  let b: MemoryTransport;
  let client: Rpc;
  let server: Rpc;
  const open: Rpc[] = [];

  /** Lets what is ready run, then moves time on, a millisecond at a time. */
  async function pass(durationMs: number): Promise<void> {
    for (let ms = 0; ms < durationMs; ms++) {
      await new Promise(setImmediate);
      clock.advance(1);
    }
    await new Promise(setImmediate);
  }

  function rpcOn(transport: MemoryTransport, limits: Partial<RpcLimits> = {}): Rpc {
    const random = seededRandom(transport.own.name);
    const rpc = new Rpc({ transport, clock, random, log: pino({ level: 'silent' }), limits });
    open.push(rpc);
    return rpc;
  }

  const callAdd = (to: number, options: Partial<CallOptions> = {}) =>
    client.call('b', add, { to }, { deadlineMs: 1_000, ...options });

  /** What has become of a promise by now. */
  function outcomeOf<T>(promise: Promise<T>): { value?: T; error?: unknown } {
    const outcome: { value?: T; error?: unknown } = {};
    promise.then(
      (value) => {
        outcome.value = value;
      },
      (error) => {
        outcome.error = error;
      },
    );
    return outcome;
  }

  beforeEach(async () => {
    clock = new VirtualClock();
    network = new MemoryNetwork(clock);
    a = network.transport(A);
    b = network.transport(B);
    for (const [one, other] of [
      [a, B],
      [b, A],
    ] as const) {
      one.setPeer({ ...other, host: '', port: 0 });
      await one.start();
    }
    client = rpcOn(a);
    server = rpcOn(b);
    await pass(2);
  });

  afterEach(() => {
    for (const rpc of open.splice(0)) rpc.stop();
  });

  it('answers, with what the schemas make of request and reply', async () => {
    server.handle(add, ({ to, by }, { peer, requestId }) => {
      expect(peer).toBe('a');
      expect(requestId).not.toBe('');
      return { sum: to + by };
    });
    const call = outcomeOf(callAdd(41));
    await pass(2);
    expect(call).toEqual({ value: { sum: 42 } });
  });

  it('checks both ways, and says what does not fit', async () => {
    server.handle(add, () => ({ sum: 0.5 }));
    await expect(callAdd(0.5)).rejects.toMatchObject({
      code: 'RPC_FAILED',
      message: expect.stringMatching(/request to add.*int/s),
    });
    const call = outcomeOf(callAdd(1));
    await pass(2);
    expect(call.error).toMatchObject({ code: 'RPC_FAILED', message: expect.stringMatching(/reply of add.*int/s) });
    const unknown = outcomeOf(client.call('b', { ...add, name: 'subtract' }, { to: 1 }, { deadlineMs: 10 }));
    await pass(2);
    expect(unknown.error).toMatchObject({ code: 'RPC_FAILED', message: expect.stringMatching(/no method subtract/) });
  });

  it("carries a coded error whole, and nothing of another's inside", async () => {
    const faults = [new LatticeError('FENCED', 'token 3 is old'), new TypeError('secret of /etc/key')];
    server.handle(add, () => {
      throw faults.shift();
    });
    const calls = [outcomeOf(callAdd(1)), outcomeOf(callAdd(2))];
    await pass(2);
    expect(calls[0]?.error).toMatchObject({ code: 'FENCED', message: 'token 3 is old' });
    expect(calls[1]?.error).toMatchObject({ code: 'RPC_FAILED' });
    expect(String(calls[1]?.error)).not.toContain('secret');
  });

  it('says RPC_UNREACHABLE when nothing left, and RPC_TIMEOUT when nothing came', async () => {
    server.handle(add, () => new Promise(() => {}));
    const asked = outcomeOf(callAdd(1, { deadlineMs: 50 }));
    await pass(60);
    expect(asked.error).toMatchObject({ code: 'RPC_TIMEOUT' });
    network.cut(A, B);
    await pass(2);
    const unheard = outcomeOf(callAdd(1, { deadlineMs: 50 }));
    await pass(60);
    expect(unheard.error).toMatchObject({ code: 'RPC_UNREACHABLE' });
    expect(client.counters()).toMatchObject({ calls: 2, callsFailed: 2 });
  });

  it('aborts the handler at the deadline, which travels as the time that remains', async () => {
    let abortedAtMs = 0;
    server.handle(add, (_, { signal }) => {
      signal.addEventListener('abort', () => {
        abortedAtMs = clock.monotonicMs();
      });
      return new Promise(() => {});
    });
    const startMs = clock.monotonicMs();
    network.delayMs = 20;
    void callAdd(1, { deadlineMs: 100 }).catch(() => {});
    await pass(200);
    // The request took 20 ms; told at the caller's deadline, the handler would learn of it at 120 ms as well.
    expect(abortedAtMs - startMs).toBe(120);
    expect(server.counters().handlersCancelled).toBe(1);
  });

  it('tells the handler when the caller gives up, and rejects with its reason', async () => {
    const seen: unknown[] = [];
    server.handle(add, (_, { signal }) => {
      signal.addEventListener('abort', () => seen.push(signal.reason));
      return new Promise(() => {});
    });
    const abort = new AbortController();
    const call = outcomeOf(callAdd(1, { signal: abort.signal }));
    await pass(5);
    abort.abort(new Error('changed my mind'));
    await pass(2);
    expect(call.error).toMatchObject({ message: 'changed my mind' });
    expect(seen).toHaveLength(1);
    await expect(callAdd(1, { signal: abort.signal })).rejects.toThrow('changed my mind');
  });

  it('carries a request out once, though its answer is lost and it is sent again', async () => {
    let applied = 0;
    server.handle(add, ({ to }) => ({ sum: to + ++applied }));
    network.cut(B, A);
    const call = outcomeOf(callAdd(0));
    await pass(500);
    expect(call).toEqual({});
    expect(applied).toBe(1);
    network.mend();
    await pass(500);
    expect(call).toEqual({ value: { sum: 1 } });
    expect(applied).toBe(1);
    expect(server.counters().requestsReplayed).toBeGreaterThan(0);
  });

  it('joins a request that comes again to the one that runs', async () => {
    const runs: ((reply: { sum: number }) => void)[] = [];
    server.handle(add, () => new Promise((resolve) => runs.push(resolve)));
    const call = outcomeOf(callAdd(1, { deadlineMs: 5_000 }));
    await pass(1_000);
    expect(runs).toHaveLength(1);
    expect(server.counters().requestsJoined).toBeGreaterThan(0);
    runs[0]?.({ sum: 7 });
    await pass(2);
    expect(call.value).toEqual({ sum: 7 });
  });

  it('gives the answer that there was to who asks again after a timeout', async () => {
    let applied = 0;
    server.handle(add, () => ({ sum: ++applied }));
    network.cut(B, A);
    const first = outcomeOf(callAdd(1, { deadlineMs: 50, requestId: 'r1' }));
    await pass(60);
    expect(first.error).toMatchObject({ code: 'RPC_TIMEOUT' });
    network.mend();
    await pass(2);
    const again = outcomeOf(callAdd(1, { requestId: 'r1' }));
    await pass(3);
    expect(again.value).toEqual({ sum: 1 });
  });

  it('carries out anew what was given up before it did anything', async () => {
    let asked = 0;
    server.handle(add, (_, { signal }) => {
      asked += 1;
      if (asked > 1) return { sum: asked };
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    });
    const first = outcomeOf(callAdd(1, { deadlineMs: 50, requestId: 'r1' }));
    await pass(60);
    expect(first.error).toMatchObject({ code: 'RPC_TIMEOUT' });
    const again = outcomeOf(callAdd(1, { requestId: 'r1' }));
    await pass(3);
    expect(again.value).toEqual({ sum: 2 });
  });

  it('sends again at once when the peer is back', async () => {
    server.handle(add, ({ to }) => ({ sum: to }));
    network.cut(A, B);
    await pass(2);
    const call = outcomeOf(callAdd(5, { deadlineMs: 60_000 }));
    await pass(10);
    network.mend();
    await pass(4);
    expect(call.value).toEqual({ sum: 5 });
  });

  it('forgets answers that have come, so that calls are not bounded by what is kept', async () => {
    server = swapServer({ answersPerPeerMax: 10 });
    server.handle(add, ({ to }) => ({ sum: to }));
    for (let to = 0; to < 100; to++) {
      const call = outcomeOf(callAdd(to));
      await pass(2);
      expect(call.value).toEqual({ sum: to });
    }
    expect(server.counters()).toMatchObject({ busyAnswers: 0, requestsHandled: 100 });
  });

  it('never forgets one that may not have come, and takes no more until it is old', async () => {
    server = swapServer({ answersPerPeerMax: 2, answerAgeMsMax: 1_000 });
    let applied = 0;
    server.handle(add, ({ to }) => ({ sum: to + ++applied }));
    network.cut(B, A);
    for (const to of [1, 2, 3]) void callAdd(to, { deadlineMs: 40 }).catch(() => {});
    await pass(50);
    expect(applied).toBe(2);
    expect(server.counters().busyAnswers).toBe(1);
    network.mend();
    await pass(2);
    const full = outcomeOf(callAdd(4, { deadlineMs: 40 }));
    await pass(50);
    expect(full.error).toMatchObject({ code: 'RPC_FAILED', message: expect.stringMatching(/wait to be confirmed/) });
    await pass(1_000);
    const later = outcomeOf(callAdd(5));
    await pass(2);
    expect(later.value).toEqual({ sum: 8 });
  });

  it('runs a bounded number at once, and the rest when there is room', async () => {
    server = swapServer({ runningPerPeerMax: 2 });
    const runs: (() => void)[] = [];
    server.handle(add, ({ to }) => new Promise((resolve) => runs.push(() => resolve({ sum: to }))));
    const calls = [1, 2, 3].map((to) => outcomeOf(callAdd(to, { deadlineMs: 10_000 })));
    await pass(20);
    expect(runs).toHaveLength(2);
    expect(server.counters().busyRunning).toBe(1);
    for (const run of runs) run();
    await pass(1_000);
    runs[2]?.();
    await pass(2);
    expect(calls.map(({ value }) => value?.sum)).toEqual([1, 2, 3]);
  });

  it('bounds the calls that wait, the size of a request and that of a reply', async () => {
    client.stop();
    client = rpcOn(a, { callsPerPeerMax: 1 });
    const big = defineMethod({ name: 'big', request: z.string(), reply: z.string() });
    const text = 'x'.repeat(9_000_000);
    server.handle(big, () => text);
    await expect(client.call('b', big, text, { deadlineMs: 100 })).rejects.toThrow('too large');
    const reply = outcomeOf(client.call('b', big, '', { deadlineMs: 100 }));
    await expect(client.call('b', big, '', { deadlineMs: 100 })).rejects.toThrow('1 calls to b');
    await pass(2);
    expect(reply.error).toMatchObject({ code: 'RPC_FAILED', message: expect.stringMatching(/too large/) });
  });

  it('refuses one id for two things', async () => {
    server.handle(add, () => new Promise(() => {}));
    void callAdd(1, { requestId: 'r' }).catch(() => {});
    await expect(callAdd(1, { requestId: 'r' })).rejects.toThrow('is under way');
    await pass(2);
    const other = rpcOnlyClient();
    const call = outcomeOf(other.call('b', { ...add, name: 'other' }, { to: 1 }, { deadlineMs: 50, requestId: 'r' }));
    await pass(2);
    expect(call.error).toMatchObject({ code: 'RPC_FAILED', message: expect.stringMatching(/used for add before/) });
  });

  it('ends what waits when it stops', async () => {
    const signals: AbortSignal[] = [];
    server.handle(add, (_, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    });
    const call = outcomeOf(callAdd(1));
    await pass(2);
    client.stop();
    client.stop();
    server.stop();
    await pass(1);
    expect(call.error).toMatchObject({ code: 'RPC_UNREACHABLE' });
    expect(signals[0]?.aborted).toBe(true);
  });

  function swapServer(limits: Partial<RpcLimits>): Rpc {
    server.stop();
    return rpcOn(b, limits);
  }

  /** A second life of the caller. */
  function rpcOnlyClient(): Rpc {
    client.stop();
    return rpcOn(a);
  }
});
