import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { brokerHealthSchema, linkGapSchema, meshTopic } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { cleanup, connect, OPERATOR, SITE } from '../support/harness.ts';
import { type BrokerProcess, startProcess } from '../support/process.ts';
import { RawClient } from '../support/raw-client.ts';
import { newFolder } from '../support/store.ts';

const MESSAGES = 300_000;
/** Published at a time, then their PUBACKs are awaited. */
const BLOCK = 1_000;
const PAYLOAD_BYTES = 512;
/** By then the heap has the size that the load itself needs. */
const WARM_UP = 100_000;
/** A broker that kept the other 200,000 messages would need 98 MiB for their payloads alone; a young generation of V8 takes 32. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;
const TOPIC = meshTopic(SITE, 'd1', 'state');
const PUBACK_BYTES = 4;
const MIB = 1024 * 1024;

interface Pair {
  a: BrokerProcess;
  b: BrokerProcess;
  restartA(): Promise<BrokerProcess>;
  dataDirOfA: string;
}

/** Two processes; a dials b. */
async function startPair(journal: Record<string, number> = {}): Promise<Pair> {
  const [folderOfA, folderOfB] = [await newFolder(), await newFolder()];
  const host = '127.0.0.1';
  // The port of a is never dialled.
  const b = await startProcess(folderOfB, {
    id: 'b',
    links: { listen: { port: 0 }, peers: [{ id: 'a', host, port: 1 }] },
  });
  const links = { peers: [{ id: 'b', host, port: b.detail['linkPort'] }] };
  const restartA = (): Promise<BrokerProcess> => startProcess(folderOfA, { id: 'a', links, journal });
  return { a: await restartA(), b, restartA, dataDirOfA: join(folderOfA, 'data') };
}

async function rssBytes({ child }: BrokerProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  // A segment may go between the listing and the look at it.
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Publishes 0, 1, 2 and so on as QoS 1; resolves when all are acknowledged. */
async function publishNumbers(port: number, onBlock: (published: number) => Promise<void>): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  cleanup(() => socket.destroy());
  socket.on('error', () => {});
  const { username, password } = OPERATOR;
  const account = { username, password: Buffer.from(password), protocolId: 'MQTT', clean: true } as const;
  socket.write(generate({ cmd: 'connect', clientId: 'publisher', keepalive: 0, ...account }));
  await once(socket, 'data');
  let acknowledgedBytes = 0;
  let onAcknowledged = (): void => {};
  socket.on('data', (chunk: Buffer) => {
    acknowledgedBytes += chunk.length;
    if (acknowledgedBytes === BLOCK * PUBACK_BYTES) onAcknowledged();
  });
  const gone = once(socket, 'close').then(() => Promise.reject(new Error('the broker has closed the connection')));
  gone.catch(() => {});
  for (let first = 0; first < MESSAGES; first += BLOCK) {
    const packets = Array.from({ length: BLOCK }, (_, index) => {
      const payload = `${first + index}`.padEnd(PAYLOAD_BYTES);
      return generate({
        cmd: 'publish',
        topic: TOPIC,
        payload,
        qos: 1,
        messageId: index + 1,
        dup: false,
        retain: false,
      });
    });
    const acknowledged = new Promise<void>((resolve) => {
      onAcknowledged = resolve;
    });
    acknowledgedBytes = 0;
    socket.write(Buffer.concat(packets));
    await Promise.race([acknowledged, gone]);
    await onBlock(first + BLOCK);
  }
}

/** Stops b without a word, publishes at a, and lets b go on; what a needed meanwhile. */
async function pileUp({ a, b, dataDirOfA }: Pair): Promise<{ growthBytes: number; diskBytesMax: number }> {
  const rss: number[] = [];
  let diskBytesMax = 0;
  b.child.kill('SIGSTOP');
  try {
    await publishNumbers(a.port, async (published) => {
      if (published % 10_000 !== 0) return;
      if (published >= WARM_UP) rss.push(await rssBytes(a));
      diskBytesMax = Math.max(diskBytesMax, await folderBytes(dataDirOfA));
    });
  } finally {
    b.child.kill('SIGCONT');
  }
  const growthBytes = Math.max(...rss) - (rss[0] as number);
  const [rssMiB, growthMiB, diskMiB] = [Math.max(...rss), growthBytes, diskBytesMax].map((n) => Math.round(n / MIB));
  console.log(
    `${MESSAGES} messages piled up: resident ${rssMiB} MiB, ${growthMiB} MiB more than at ${WARM_UP}; disk ${diskMiB} MiB`,
  );
  return { growthBytes, diskBytesMax };
}

function numbersOf({ delivered }: RawClient): number[] {
  return delivered.filter(({ topic }) => topic === TOPIC).map(({ payload }) => Number(payload));
}

describe(`${MESSAGES} messages behind a broker that stands still`, () => {
  it('leave the memory flat, and all arrive in order, though the sender is killed while they go over', async () => {
    const pair = await startPair();
    const subscriber = await RawClient.open(pair.b.port, 'subscriber');
    await subscriber.subscribe(TOPIC, 1);
    const { growthBytes } = await pileUp(pair);
    expect(growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
    await eventually(() => expect(subscriber.delivered.length).toBeGreaterThan(MESSAGES / 10), 30_000, 5);
    await pair.a.end('SIGKILL');
    expect(subscriber.delivered.length).toBeLessThan(MESSAGES);
    await pair.restartA();
    await eventually(() => expect(Number(subscriber.delivered.at(-1)?.payload)).toBe(MESSAGES - 1), 60_000);
    // What the sender had sent and knew nothing of any more came again.
    const arrivals = [...new Set(numbersOf(subscriber))];
    expect(arrivals.length).toBe(MESSAGES);
    expect(arrivals.every((number, index) => number === index)).toBe(true);
  }, 120_000);

  it('take no more of the disk than the bound says; what it took is counted, and the rest arrives once, in order', async () => {
    const bytesMax = 24 * MIB;
    const pair = await startPair({ bytesMax });
    const subscriber = await RawClient.open(pair.b.port, 'subscriber');
    await subscriber.subscribe(TOPIC, 1);
    const gaps = await connect(pair.a.port);
    await gaps.mqtt.subscribeAsync(meshTopic(SITE, 'a', 'linkgap'), { qos: 1 });
    const { growthBytes, diskBytesMax } = await pileUp(pair);
    expect(growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
    // Beside the journal there is a checkpoint, and for a moment the next one.
    expect(diskBytesMax).toBeLessThan(1.25 * bytesMax);
    await eventually(() => expect(Number(subscriber.delivered.at(-1)?.payload)).toBe(MESSAGES - 1), 60_000);
    const numbers = numbersOf(subscriber);
    expect(numbers.length).toBeLessThan(MESSAGES);
    expect(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] as number))).toBe(true);
    const watcher = await connect(pair.a.port);
    await watcher.mqtt.subscribeAsync(meshTopic(SITE, 'a', 'health'));
    await eventually(() => {
      const health = brokerHealthSchema.parse(JSON.parse(watcher.payloads().at(-1) as string));
      const counts = [...health.links, ...health.streams].map(({ droppedBy }) => droppedBy['journal-bound'] ?? 0);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    }, 15_000);
    await eventually(() => {
      const told = gaps.payloads().map((text) => linkGapSchema.parse(JSON.parse(text)));
      const lost = told.filter(({ to, cause }) => to === 'b' && cause === 'journal-bound');
      expect(lost.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(0);
    }, 15_000);
  }, 120_000);
});
