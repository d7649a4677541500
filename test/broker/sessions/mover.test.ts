import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { encodeMoved, type MovedDelivery, MovedReader, Mover, type MoveStore } from '../../../broker/sessions/index.ts';
import { type Random, seededRandom } from '../../../core/random/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { type FakeCluster, FakeNetwork } from './fake-network.ts';

const ID = 'x';

interface ModelSession {
  filters: Set<string>;
  queue: MovedDelivery[];
  adopted: number;
  known: Set<string>;
}

/** Kept sessions of one broker as a model: what is durable survives restart(). */
class Model implements MoveStore {
  session: ModelSession | undefined;
  readonly #clock: VirtualClock;
  readonly #random: Random;

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  begin(): ModelSession {
    this.session ??= { filters: new Set(), queue: [], adopted: 0, known: new Set() };
    return this.session;
  }

  push(delivery: MovedDelivery): void {
    if (this.session === undefined || this.session.known.has(delivery.identity)) return;
    this.session.known.add(delivery.identity);
    this.session.queue.push(delivery);
  }

  isConnected = (): boolean => false;

  sessionOf = () => {
    const { session } = this;
    if (session === undefined) return undefined;
    const subscriptions = [...session.filters].map((topic) => ({ topic, qos: 1 as const }));
    return { image: { subscriptions, incoming: [], inflight: [], known: [] }, deliveries: () => [...session.queue] };
  };

  install: MoveStore['install'] = async (_clientId, _from, { subscriptions }) => {
    await this.#durable();
    for (const { topic } of subscriptions) this.begin().filters.add(topic);
  };

  adopt: MoveStore['adopt'] = async (_clientId, _from, deliveries) => {
    await this.#durable();
    const session = this.begin();
    for (const delivery of deliveries) {
      if (session.known.has(delivery.identity)) continue;
      session.known.add(delivery.identity);
      session.queue.splice(session.adopted++, 0, { ...delivery, payload: Buffer.from(delivery.payload) });
    }
  };

  finish: MoveStore['finish'] = async () => this.#durable();

  forget: MoveStore['forget'] = async (_clientId, identities) => {
    await this.#durable();
    const { session } = this;
    if (session !== undefined) session.queue = session.queue.filter(({ identity }) => !identities.has(identity));
  };

  end = async (): Promise<void> => {
    await this.#durable();
    this.session = undefined;
  };

  #durable(): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimer(this.#random.below(5), resolve));
  }
}

function createPair(seed: string | number) {
  const random = seededRandom(`${seed}`);
  const clock = new VirtualClock();
  const network = new FakeNetwork(clock, random.fork('network'));
  const start = (id: string, model: Model): Mover =>
    new Mover({
      cluster: network.join(id),
      clock,
      log: pino({ enabled: false }),
      store: model,
      isCurrent: () => true,
      timeoutMs: 5_000,
      settleTimeoutMs: 100,
    });
  const models = { a: new Model(clock, random.fork('a')), b: new Model(clock, random.fork('b')) };
  return { random, clock, network, start, models };
}

function deliveryOf(number: number, bytes = 100): MovedDelivery {
  const payload = Buffer.alloc(bytes, number % 256);
  return {
    identity: `a/1/${number}`,
    topic: 't',
    payload,
    isText: false,
    qos: 1,
    messageQos: 1,
    retain: false,
    phase: 'queued',
  };
}

async function run(clock: VirtualClock, durationMs: number, stepMs = 5, each: () => void = () => {}): Promise<void> {
  for (let at = 0; at < durationMs; at += stepMs) {
    clock.advance(stepMs);
    each();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

const numbers = (session: ModelSession | undefined): number[] =>
  (session?.queue ?? []).map(({ identity }) => Number(identity.slice(4)));

const upTo = (count: number): number[] => Array.from({ length: count }, (_, each) => each);

describe('a session that moves', () => {
  it('arrives whole and in order, in pages, and ends where it was', async () => {
    const { clock, network, start, models } = createPair('whole');
    const from = models.a.begin();
    for (let each = 0; each < 10; each++) from.filters.add(`f${each}`);
    // One that is larger than any page, among others.
    for (let each = 0; each < 500; each++) models.a.push(deliveryOf(each, each === 250 ? 700_000 : 1_000));
    start('a', models.a);
    const mover = start('b', models.b);
    let isReady = false;
    void mover.take(ID, 1, ['a']).then(() => {
      isReady = true;
      expect(models.a.session).toBeDefined();
    });
    await run(clock, 900);
    expect(isReady).toBe(true);
    await run(clock, 2_000);
    expect(numbers(models.b.session)).toEqual(upTo(500));
    expect(models.b.session?.queue[250]?.payload).toHaveLength(700_000);
    expect(models.b.session?.filters.size).toBe(10);
    expect(models.a.session).toBeUndefined();
    expect(mover.taking).toBe(0);
    expect(network.sentBytes).toBeLessThan(1.5 * 1_200_000);
  });

  it('goes in front of what was queued meanwhile, once each', async () => {
    const { clock, start, models } = createPair('merge');
    models.a.begin();
    for (let each = 0; each < 10; each++) models.a.push(deliveryOf(each));
    models.b.begin();
    for (let each = 8; each < 12; each++) models.b.push(deliveryOf(each));
    start('a', models.a);
    void start('b', models.b).take(ID, 1, ['a']);
    await run(clock, 3_000);
    expect(numbers(models.b.session)).toEqual([...upTo(8), 8, 9, 10, 11]);
  });

  it('brings what arrived at the old broker after the first round', async () => {
    const { clock, start, models } = createPair('rest');
    models.a.begin();
    models.a.push(deliveryOf(0));
    start('a', models.a);
    void start('b', models.b).take(ID, 1, ['a']);
    await run(clock, 500);
    models.a.push(deliveryOf(1));
    await run(clock, 2_000);
    expect(numbers(models.b.session)).toEqual([0, 1]);
    expect(models.a.session).toBeUndefined();
  });

  it('does not let the client in before it has what was still on its way to the old broker', async () => {
    const { clock, network, start, models } = createPair('behind');
    models.a.begin().filters.add('t');
    models.a.push(deliveryOf(0));
    start('a', models.a);
    const mover = start('b', models.b);
    const cluster = network.node('b') as FakeCluster;
    const asked: string[] = [];
    // By now the senders send here too, and what they sent before arrives where the client was.
    cluster.settled = async () => {
      models.b.push(deliveryOf(2));
      return true;
    };
    cluster.caughtUp = async (node) => {
      asked.push(node);
      models.a.push(deliveryOf(1));
      return true;
    };
    let whenReady: number[] = [];
    void mover.take(ID, 1, ['a']).then(() => {
      whenReady = numbers(models.b.session);
    });
    await run(clock, 500);
    expect(whenReady).toEqual([0, 1, 2]);
    expect(asked).toEqual(['a']);
  });

  it('does not keep a client waiting for longer than the timeout, and comes when the broker is back', async () => {
    const { clock, network, start, models } = createPair('away');
    models.a.begin();
    models.a.push(deliveryOf(0));
    start('a', models.a);
    const mover = start('b', models.b);
    network.partition(['a'], ['b']);
    let isReady = false;
    void mover.take(ID, 1, ['a']).then(() => {
      isReady = true;
    });
    await run(clock, 4_900);
    expect(isReady).toBe(false);
    await run(clock, 200);
    expect(isReady).toBe(true);
    network.partition();
    await run(clock, 6_000);
    expect(numbers(models.b.session)).toEqual([0]);
    expect(models.a.session).toBeUndefined();
  });

  it('stops when the client has gone on to a third broker', async () => {
    const { clock, network, start, models } = createPair('abort');
    models.a.begin();
    start('a', models.a);
    const mover = start('b', models.b);
    network.partition(['a'], ['b']);
    void mover.take(ID, 1, ['a']);
    await run(clock, 100);
    mover.abort(ID);
    await run(clock, 100);
    expect(mover.taking).toBe(0);
  });

  it('is whole on at least one side whatever is lost or dies: 100 seeds', async () => {
    for (let seed = 0; seed < 100; seed++) {
      const { random, clock, network, start, models } = createPair(seed);
      network.faults = {
        delayMsMax: 1 + random.below(60),
        loss: random.next() * 0.4,
        duplication: random.next() * 0.3,
      };
      models.a.begin();
      const count = 1 + random.below(200);
      for (let each = 0; each < count; each++) models.a.push(deliveryOf(each, random.below(4_000)));
      const movers = { a: start('a', models.a), b: start('b', models.b) };
      void movers.b.take(ID, 1, ['a']);
      /** A process dies: what was under way is forgotten, what was durable is there again. */
      const crash = (id: 'a' | 'b'): void => {
        movers[id].stop();
        network.leave(id);
        movers[id] = start(id, models[id]);
        if (id === 'b') void movers.b.take(ID, 1, ['a']);
      };
      for (let each = random.below(3); each > 0; each--) {
        const id = random.next() < 0.5 ? 'a' : 'b';
        clock.setTimer(random.below(1_500), () => crash(id));
      }
      const whole = (): void => {
        const held = new Set([...numbers(models.a.session), ...numbers(models.b.session)]);
        expect(held.size, `seed ${seed}`).toBe(count);
      };
      for (let each = 0; each < 600 && models.a.session !== undefined; each++) await run(clock, 100, 20, whole);
      await run(clock, 5_000, 50, whole);
      expect(numbers(models.b.session), `seed ${seed}`).toEqual(upTo(count));
      expect(models.a.session === undefined, `seed ${seed}`).toBe(true);
    }
  }, 60_000);
});

describe('deliveries as bytes', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const random = seededRandom('cuts');
    const sent = upTo(50).map((each) => ({
      ...deliveryOf(each, random.below(300)),
      messageId: each + 1,
      share: '$share/g/t',
    }));
    const bytes = Buffer.concat(sent.map(encodeMoved));
    for (let round = 0; round < 20; round++) {
      const reader = new MovedReader();
      const got: MovedDelivery[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + random.below(500);
        got.push(...reader.push(bytes.subarray(at, end)));
        at = end;
      }
      expect(got).toEqual(sent);
      expect(reader.isAtEnd).toBe(true);
    }
  });

  it('are refused with LINK_PROTOCOL when they are damaged, and with nothing else', () => {
    const random = seededRandom('damage');
    const good = encodeMoved(deliveryOf(1));
    for (let round = 0; round < 2_000; round++) {
      const bad = Buffer.from(good);
      for (let each = 0; each < 1 + random.below(4); each++) bad[random.below(bad.length)] = random.below(256);
      try {
        new MovedReader().push(bad);
      } catch (error) {
        expect((error as { code?: string }).code, `round ${round}`).toBe('LINK_PROTOCOL');
      }
    }
  });
});
