/** The thread that owns the UDP socket: it stamps, paces and answers by itself, whatever the main thread does. */
import { createSocket } from 'node:dgram';
import { V4MAPPED } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIPv4, isIPv6 } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { errnoOf, messageOf } from '../../../../core/errors/index.ts';
import { type Clock, repeat, systemClock } from '../../../../core/time/index.ts';
import { ProbeDriver } from '../driver.ts';
import { LoopLag } from '../loop-lag.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './messages.ts';
import { PeerAddresses } from './peer-addresses.ts';

const REPORT_INTERVAL_MS = 1_000;

const main = parentPort as MessagePort;
const { own, boot, key, listen, limits } = workerData as WorkerSettings;
const family = isIPv6(listen.host) ? 6 : 4;
const lag = new LoopLag(systemClock.monotonicMs());

function tell(message: FromWorker): void {
  main.postMessage(message);
}

function enterAt(nowMs: number): number {
  return lag.enter(nowMs, performance.eventLoopUtilization().idle);
}

/** What the loop is busy with is told to the account of its lag. */
function accounted<Arguments extends unknown[]>(callback: (...args: Arguments) => void) {
  return (...args: Arguments): void => {
    enterAt(systemClock.monotonicMs());
    callback(...args);
    lag.leave(systemClock.monotonicMs());
  };
}

const clock: Clock = {
  ...systemClock,
  setTimer: (delayMs, callback) => systemClock.setTimer(delayMs, accounted(callback)),
};

/** On an IPv6 socket IPv4 addresses are written as ::ffff:a.b.c.d; Node leaves one that it is given as it is. */
async function addressOf(host: string): Promise<string> {
  const { address } = await lookup(host, family === 4 ? { family } : { family, hints: V4MAPPED });
  return family === 6 && isIPv4(address) ? `::ffff:${address}` : address;
}

const addresses = new PeerAddresses({
  clock,
  lookup: addressOf,
  onUnresolved: (peer, host, reason) => tell({ type: 'unresolved', peer, host, reason }),
});

const socket = createSocket({
  type: `udp${family}`,
  // Node asks here before each datagram and would come back later; all addresses are resolved before.
  lookup: (address, _options, callback) => callback(null, address, family),
});

const driver = new ProbeDriver({
  path: 'udp',
  own,
  boot,
  key,
  clock,
  limits,
  send: (peer, bytes) => {
    const to = addresses.of(peer);
    return to !== undefined && send(bytes, to);
  },
  onExchange: (exchange) => tell({ type: 'exchange', exchange }),
  onUnanswered: (unanswered) => tell({ type: 'unanswered', unanswered }),
});

/** False for port 0, which a datagram may claim to come from, and which Node throws at. */
function send(bytes: Buffer, to: { address: string; port: number }): boolean {
  if (to.port === 0) return false;
  // What the system does not send is as good as lost: the probe stays unanswered.
  socket.send(bytes, to.port, to.address, () => {});
  return true;
}

socket.on('message', (bytes, from) => {
  const receivedMs = systemClock.monotonicMs();
  const waitedMsMax = enterAt(receivedMs);
  driver.receive({
    bytes,
    address: `${from.address}:${from.port}`,
    receivedMs,
    waitedMsMax,
    reply: (answer) => send(answer, from),
  });
  lag.leave(systemClock.monotonicMs());
});

function onMain(message: ToWorker): void {
  switch (message.type) {
    case 'peers':
      addresses.setPeers(message.peers);
      driver.setPeers(message.peers.map(({ name }) => name));
      break;
    case 'probe':
      driver.probe(message.peer, message.count, message.spacingMs);
      break;
  }
}

function bind(address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port: listen.port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

try {
  await bind(await addressOf(listen.host));
  // Any later error ends the thread; the main thread starts another.
  main.on('message', accounted(onMain));
  repeat(clock, REPORT_INTERVAL_MS, () =>
    tell({ type: 'report', counters: driver.counters(), refusals: driver.refusals() }),
  );
  tell({ type: 'listening', port: socket.address().port });
} catch (error) {
  tell({ type: 'listenFailed', errno: errnoOf(error), reason: messageOf(error) });
  main.close();
}
