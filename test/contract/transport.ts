import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, LatticeError } from '../../core/errors/index.ts';
import type { GatewayIdentity, PeerDown, Transport } from '../../gateway/transport/index.ts';
import { eventually } from '../support/eventually.ts';

/** Gateways that can be told of each other. */
export interface TransportsUnderTest {
  /** Started; its wall clock ahead of the others' by aheadMs. */
  open(own: GatewayIdentity, aheadMs?: number): Promise<Transport>;
  /** Makes `other` a peer of `one`; over a line that can be cut when it says so. */
  introduce(one: Transport, other: Transport, isCuttable?: boolean): void;
  /** Nothing passes over that line any more. */
  cut(one: Transport, other: Transport): void;
  close(): Promise<void>;
}

const A = { site: 'home', name: 'a' };
const B = { site: 'home', name: 'b' };

/** What every Transport must do. */
export function transportContract(name: string, setUp: () => Promise<TransportsUnderTest>): void {
  describe(`transport: ${name}`, () => {
    let under: TransportsUnderTest;
    let a: Transport;
    let b: Transport;
    let heard: string[];

    const bothUp = () => eventually(() => expect([a.isUp('b'), b.isUp('a')]).toEqual([true, true]));
    const drain = async (chunks: AsyncIterable<Buffer>): Promise<Buffer> => {
      const all: Buffer[] = [];
      for await (const chunk of chunks) all.push(chunk);
      return Buffer.concat(all);
    };

    beforeEach(async () => {
      under = await setUp();
      a = await under.open(A);
      b = await under.open(B);
      heard = [];
      b.onFrame('t', (peer, bytes) => heard.push(`${peer} ${bytes}`));
    });

    afterEach(async () => {
      await Promise.all([a.stop(), b.stop()]);
      await under.close();
    });

    async function connected(): Promise<void> {
      under.introduce(a, b);
      under.introduce(b, a);
      await bothUp();
    }

    it('carries frames in order, to the channel that they were sent on', async () => {
      await connected();
      const others: string[] = [];
      b.onFrame('other', (_, bytes) => others.push(String(bytes)));
      for (let number = 0; number < 100; number++) {
        expect(a.send('b', number % 10 === 0 ? 'other' : 't', Buffer.from(String(number)))).toBe(true);
      }
      await eventually(() => expect(heard.length + others.length).toBe(100));
      expect(heard.slice(0, 3)).toEqual(['a 1', 'a 2', 'a 3']);
      expect(others).toEqual(['0', '10', '20', '30', '40', '50', '60', '70', '80', '90']);
      expect(b.counters().framesReceived).toBe(100);
    });

    it('carries an empty frame, and one of a megabyte', async () => {
      await connected();
      const sizes: number[] = [];
      b.onFrame('sizes', (_, bytes) => sizes.push(bytes.length));
      a.send('b', 'sizes', Buffer.alloc(0));
      a.send('b', 'sizes', Buffer.alloc(1_000_000));
      await eventually(() => expect(sizes).toEqual([0, 1_000_000]));
    });

    it('drops and counts what is sent to a peer that is not there', async () => {
      expect(a.send('nobody', 't', Buffer.of(1))).toBe(false);
      under.introduce(a, b);
      expect(a.send('b', 't', Buffer.of(1))).toBe(false);
      expect(a.counters().droppedNotConnected).toBe(2);
    });

    it('drops and counts what comes for a channel without a listener', async () => {
      await connected();
      const stop = b.onFrame('u', () => {});
      stop();
      a.send('b', 'u', Buffer.of(1));
      await eventually(() => expect(b.counters().droppedNoListener).toBe(1));
    });

    it('has one listener a channel', () => {
      const stop = a.onFrame('c', () => {});
      expect(() => a.onFrame('c', () => {})).toThrow('has a listener already');
      stop();
      a.onFrame('c', () => {});
    });

    it('is up only when both know each other', async () => {
      under.introduce(a, b);
      under.introduce(b, a);
      await bothUp();
      b.removePeer('a');
      await eventually(() => expect(a.isUp('b')).toBe(false));
      expect(b.peers()).toEqual([]);
      under.introduce(b, a);
      await bothUp();
    });

    it('tells of each up and each down, and that a peer which stopped refuses', async () => {
      const events: string[] = [];
      a.onPeerUp((peer) => events.push(`${peer} up`));
      a.onPeerDown((peer, { refused }: PeerDown) => events.push(`${peer} down, refused ${refused}`));
      await connected();
      await b.stop();
      await eventually(() => expect(events).toEqual(['b up', 'b down, refused true']));
      expect(a.isUp('b')).toBe(false);
      await a.stop();
      await a.stop();
      expect(events).toHaveLength(2);
    });

    it('tells a cut from a death', async () => {
      const downs: PeerDown[] = [];
      a.onPeerDown((_, down) => downs.push(down));
      under.introduce(a, b, true);
      under.introduce(b, a);
      await bothUp();
      under.cut(a, b);
      await eventually(() => expect(downs).toEqual([{ refused: false }]));
    });

    describe('with the stamps of hybrid clocks', () => {
      const HOUR_MS = 3_600_000;
      let stamps: (number | undefined)[];

      beforeEach(() => {
        stamps = [];
        b.onFrame('stamped', (_peer, _bytes, stampMs) => stamps.push(stampMs));
        b.onStream('stamped', async (_peer, _meta, chunks, stampMs) => {
          stamps.push(stampMs);
          await drain(chunks);
        });
      });

      it('says of frames and streams when they were sent, in an order that both ends keep', async () => {
        await connected();
        const before = a.hlc.now();
        a.send('b', 'stamped', Buffer.of(1));
        a.send('b', 'stamped', Buffer.of(2));
        await eventually(() => expect(stamps).toHaveLength(2));
        await a.sendStream('b', 'stamped', Buffer.alloc(0), []);
        const all = [before, ...stamps, b.hlc.now()] as number[];
        expect(all).toEqual([...new Set(all)].sort((one, other) => one - other));
        expect(b.counters().stampsRefused).toBe(0);
      });

      it('follows a clock that is ahead a little', async () => {
        const ahead = await under.open({ site: 'home', name: 'ahead' }, 30_000);
        under.introduce(ahead, b);
        under.introduce(b, ahead);
        await eventually(() => expect(ahead.isUp('b')).toBe(true));
        ahead.send('b', 'stamped', Buffer.of(1));
        await eventually(() => expect(stamps).toHaveLength(1));
        expect(b.hlc.now()).toBeGreaterThan(stamps[0] as number);
        expect(b.hlc.driftMs).toBeGreaterThan(25_000);
        await ahead.stop();
      });

      it('refuses the stamps of one that is an hour ahead, and takes what comes with them', async () => {
        const ahead = await under.open({ site: 'home', name: 'ahead' }, HOUR_MS);
        under.introduce(ahead, b);
        under.introduce(b, ahead);
        await eventually(() => expect([ahead.isUp('b'), b.isUp('ahead')]).toEqual([true, true]));
        const before = b.hlc.now();
        ahead.send('b', 'stamped', Buffer.of(1));
        await ahead.sendStream('b', 'stamped', Buffer.alloc(0), []);
        await eventually(() => expect(stamps).toEqual([undefined, undefined]));
        expect(b.counters().stampsRefused).toBe(2);
        expect(b.hlc.refused.get('ahead')).toBe(2);
        expect(b.hlc.now() - before).toBeLessThan(60_000);
        // To the one that is ahead the other's are of the past, and welcome.
        const received: unknown[] = [];
        ahead.onFrame('back', (_peer, _bytes, stampMs) => received.push(stampMs));
        b.send('ahead', 'back', Buffer.of(1));
        await eventually(() => expect(received).toEqual([expect.any(Number)]));
        expect(ahead.counters().stampsRefused).toBe(0);
        await ahead.stop();
      });
    });

    it('measures the round trip', async () => {
      await connected();
      await eventually(() => {
        const [state] = a.peers();
        expect(state?.roundTripMs).toBeGreaterThan(0);
        expect(state?.roundTripMsMin).toBeLessThanOrEqual(state?.roundTripMs as number);
      });
    });

    it('carries streams of any length, between frames', async () => {
      await connected();
      const taken: { meta: string; length: number; sum: number }[] = [];
      b.onStream('s', async (peer, meta, chunks) => {
        const all = await drain(chunks);
        taken.push({ meta: `${peer} ${meta}`, length: all.length, sum: all.reduce((sum, byte) => sum + byte, 0) });
      });
      async function* source(): AsyncGenerator<Buffer> {
        for (let piece = 0; piece < 8; piece++) {
          a.send('b', 't', Buffer.from(String(piece)));
          yield Buffer.alloc(400_000, piece);
        }
      }
      await a.sendStream('b', 's', Buffer.from('snapshot'), source());
      expect(taken).toEqual([{ meta: 'a snapshot', length: 3_200_000, sum: 28 * 400_000 }]);
      await eventually(() => expect(heard).toHaveLength(8));
      await a.sendStream('b', 's', Buffer.from('empty'), []);
      expect(taken[1]).toEqual({ meta: 'a empty', length: 0, sum: 0 });
      expect(a.counters().streamsSent).toBe(2);
      expect(b.counters().streamsReceived).toBe(2);
    });

    it('fails a stream that its receiver does not take, with its reason and without its internals', async () => {
      await connected();
      const send = (channel: string) => a.sendStream('b', channel, Buffer.alloc(0), [Buffer.alloc(10)]);
      b.onStream('fails', async () => {
        throw new LatticeError('DISK_FULL', 'There is no room for it.');
      });
      b.onStream('breaks', async () => {
        throw new TypeError('x is not a function');
      });
      b.onStream('returns early', async () => {});
      await expect(send('fails')).rejects.toMatchObject({
        code: 'RPC_FAILED',
        message: expect.stringMatching(/no room for it/),
      });
      await expect(send('breaks')).rejects.toMatchObject({
        code: 'RPC_FAILED',
        message: expect.stringMatching(/fault of the receiver/),
      });
      await expect(send('returns early')).rejects.toMatchObject({
        code: 'RPC_FAILED',
        message: expect.stringMatching(/not read to its end/),
      });
      await expect(send('nobody listens')).rejects.toMatchObject({ code: 'RPC_FAILED' });
      await expect(a.sendStream('nobody', 's', Buffer.alloc(0), [])).rejects.toMatchObject({ code: 'RPC_UNREACHABLE' });
    });

    it('fails a stream whose source fails, at both ends', async () => {
      await connected();
      const seen: unknown[] = [];
      b.onStream('s', async (_peer, _meta, chunks) => {
        await drain(chunks).catch((error) => {
          seen.push(codeOf(error));
          throw error;
        });
      });
      async function* source(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(10);
        throw new Error('the disk is gone');
      }
      await expect(a.sendStream('b', 's', Buffer.alloc(0), source())).rejects.toThrow('the disk is gone');
      await eventually(() => expect(seen).toEqual(['RPC_UNREACHABLE']));
    });

    it('fails a stream whose connection ends, though neither source nor receiver moves', async () => {
      await connected();
      const begun = Promise.withResolvers<void>();
      b.onStream('s', async () => {
        begun.resolve();
        await new Promise(() => {});
      });
      const sent = a.sendStream(
        'b',
        's',
        Buffer.alloc(0),
        (async function* () {
          yield Buffer.alloc(10);
          await new Promise(() => {});
        })(),
      );
      await Promise.all([
        expect(sent).rejects.toMatchObject({ code: 'RPC_UNREACHABLE' }),
        begun.promise.then(() => b.stop()),
      ]);
    });
  });
}
