/** The thread of a DelayProxy: datagrams wait here, to a few microseconds, for their time to go on. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import type { DelayWorkerData } from './delay-proxy.ts';

const HOST = '127.0.0.1';
/** Timers come up to so late; for the rest the loop is watched. */
const TIMER_MS = 2;
/** Clients that are remembered; for a new one the oldest is forgotten, and its answers are lost. */
const CLIENTS_MAX = 64;

interface Waiting {
  dueMs: number;
  send: () => void;
}

const main = parentPort as MessagePort;
const { targetPort, baseMs, jitterMs, seed, asked } = workerData as DelayWorkerData;
const random = seededRandom(`delay/${seed}`);
const draws = { toTarget: random.fork('toTarget'), fromTarget: random.fork('fromTarget') };
/** The next one first. */
const waiting: Waiting[] = [];
let isArmed = false;

function delayMs(direction: keyof typeof draws): number {
  return baseMs - Math.log(1 - draws[direction].next()) * jitterMs;
}

function later(direction: keyof typeof draws, arrivedMs: number, send: () => void): void {
  const dueMs = arrivedMs + delayMs(direction);
  const at = waiting.findIndex((other) => other.dueMs > dueMs);
  waiting.splice(at < 0 ? waiting.length : at, 0, { dueMs, send });
  arm();
}

function arm(): void {
  const next = waiting[0];
  if (isArmed || next === undefined) return;
  isArmed = true;
  const leftMs = next.dueMs - systemClock.monotonicMs();
  if (leftMs > 2 * TIMER_MS) setTimeout(onDue, leftMs - TIMER_MS);
  else setImmediate(onDue);
}

function onDue(): void {
  isArmed = false;
  while (waiting[0] !== undefined && waiting[0].dueMs <= systemClock.monotonicMs()) waiting.shift()?.send();
  arm();
}

const front = createSocket('udp4');
/** A socket for each client, so that answers find back. */
const backs = new Map<number, Socket>();

function backOf(clientPort: number): Socket {
  const known = backs.get(clientPort);
  if (known !== undefined) return known;
  const back = createSocket('udp4');
  back.bind(0, HOST);
  back.on('message', (bytes) =>
    later('fromTarget', systemClock.monotonicMs(), () => front.send(bytes, clientPort, HOST)),
  );
  backs.set(clientPort, back);
  if (backs.size > CLIENTS_MAX) forgetOldest();
  return back;
}

function forgetOldest(): void {
  for (const [clientPort, back] of backs) {
    backs.delete(clientPort);
    back.close();
    return;
  }
}

front.on('message', (bytes, { port }) => {
  const arrivedMs = systemClock.monotonicMs();
  Atomics.add(asked, 0, 1);
  const back = backOf(port);
  later('toTarget', arrivedMs, () => {
    if (backs.get(port) === back) back.send(bytes, targetPort, HOST);
  });
});
front.bind(0, HOST);
await once(front, 'listening');
main.postMessage(front.address().port);
