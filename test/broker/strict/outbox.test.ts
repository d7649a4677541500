import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Outbox, TurnEnd } from '../../../broker/strict/index.ts';
import { eventually } from '../../support/eventually.ts';

/** A socket that notes what is written to it; while it is stuck it passes nothing on. */
class FakeSocket extends Writable {
  readonly writes: Buffer[] = [];
  #stuck: (() => void)[] | undefined;

  constructor(isStuck = false) {
    super({ highWaterMark: 1_000 });
    if (isStuck) this.#stuck = [];
  }

  get bytes(): Buffer {
    return Buffer.concat(this.writes);
  }

  goOn(): void {
    const stuck = this.#stuck ?? [];
    this.#stuck = undefined;
    for (const passOn of stuck) passOn();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // As a socket does, it copies the bytes when it passes them on, and not before.
    const passOn = (): void => {
      this.writes.push(Buffer.from(chunk));
      done();
    };
    if (this.#stuck === undefined) passOn();
    else this.#stuck.push(passOn);
  }
}

const fake = (socket: FakeSocket) => socket as unknown as ConstructorParameters<typeof Outbox>[0];

describe('an outbox', () => {
  it('writes once in a turn, in order, whoever gave it the bytes', async () => {
    const sockets = [new FakeSocket(), new FakeSocket()];
    const turnEnd = new TurnEnd();
    const outboxes = sockets.map((socket) => new Outbox(fake(socket), turnEnd));
    for (const outbox of outboxes) {
      outbox.write(Buffer.from('one '));
      const at = outbox.reserve(4);
      outbox.buffer.write('two ', at);
      outbox.write(Buffer.from('three'));
    }
    expect(sockets.map(({ writes }) => writes.length)).toEqual([0, 0]);
    await eventually(() =>
      expect(sockets.map(({ bytes }) => String(bytes))).toEqual(['one two three', 'one two three']),
    );
    expect(sockets.map(({ writes }) => writes.length)).toEqual([1, 1]);
  });

  it('keeps the bytes of every write apart from the next one, also when the socket passes them on later', async () => {
    const socket = new FakeSocket(true);
    const outbox = new Outbox(fake(socket), new TurnEnd());
    let wanted = '';
    for (let turn = 0; turn < 20; turn++) {
      const text = String(turn % 10).repeat(turn % 3 === 0 ? 100 : 30_000);
      wanted += text;
      outbox.write(Buffer.from(text));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.goOn();
    await eventually(() => expect(socket.bytes.length).toBe(wanted.length));
    expect(String(socket.bytes) === wanted).toBe(true);
  });

  it('gathers 64 KiB at most, and takes a packet of any size', async () => {
    const socket = new FakeSocket();
    const outbox = new Outbox(fake(socket), new TurnEnd());
    for (let each = 0; each < 100; each++) outbox.write(Buffer.alloc(1_000, each));
    expect(socket.bytes.length).toBeGreaterThanOrEqual(100_000 - 65_536);
    const at = outbox.reserve(200_000);
    outbox.buffer.fill(7, at, at + 200_000);
    outbox.write(Buffer.alloc(300_000, 8));
    await eventually(() => expect(socket.bytes.length).toBe(600_000));
    expect([0, 99_999, 100_000, 299_999, 300_000].map((index) => socket.bytes[index])).toEqual([0, 99, 7, 7, 8]);
  });

  it('is blocked while the socket is full, and says when it is not any more', async () => {
    const socket = new FakeSocket(true);
    const outbox = new Outbox(fake(socket), new TurnEnd());
    outbox.write(Buffer.alloc(2_000));
    outbox.flush();
    expect(outbox.isBlocked).toBe(true);
    const drained = new Promise<void>((resolve) => outbox.onceDrained(resolve));
    socket.goOn();
    await drained;
    expect(outbox.isBlocked).toBe(false);
  });

  it('writes what it has when it is closed, and nothing afterwards', async () => {
    const socket = new FakeSocket();
    const outbox = new Outbox(fake(socket), new TurnEnd());
    outbox.write(Buffer.from('last'));
    outbox.close();
    expect(String(socket.bytes)).toBe('last');
    outbox.write(Buffer.from('late'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(String(socket.bytes)).toBe('last');
    expect(outbox.isBlocked).toBe(true);
  });
});
