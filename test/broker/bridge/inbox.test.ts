import { describe, expect, it } from 'vitest';
import { bridgesSchema } from '../../../broker/bridge/config.ts';
import { Inbox, type InMessage } from '../../../broker/bridge/inbox.ts';
import { EchoMemory, LoopBreaker } from '../../../broker/bridge/loop-guard.ts';
import { BridgeCounters, type BridgePort } from '../../../broker/bridge/port.ts';
import { Routes } from '../../../broker/bridge/routes.ts';

const MESSAGE: InMessage = { topic: 'far/a', payload: Buffer.from('on'), qos: 1, retain: false, path: [] };

/** An inbox over a broker whose journal syncs when the test says so. */
function setUp() {
  const published: unknown[] = [];
  const counters = new BridgeCounters();
  let settle: (error?: Error) => void = () => {};
  const port = {
    packetBytesMax: 100,
    nodeName: () => 'mesh/b1',
    publish: (clientId: string, message: object) => {
      published.push({ clientId, ...message });
      return new Promise<void>((resolve, reject) => {
        settle = (error) => (error === undefined ? resolve() : reject(error));
      });
    },
  } as Partial<BridgePort> as BridgePort;
  const [config] = bridgesSchema.parse([
    { id: 'm', url: 'mqtt://localhost', routes: [{ direction: 'in', filter: '#', remotePrefix: 'far/' }] },
  ]);
  const routes = new Routes(config?.routes ?? []);
  const breaker = new LoopBreaker();
  const inbox = new Inbox({ clientId: '$bridge/m', port, routes, breaker, counters, monotonicMs: () => 0 });
  return { inbox, published, counters, settle: (error?: Error) => settle(error) };
}

describe('what the other broker sends', () => {
  it('may be acknowledged once it is durable, and not before', async () => {
    const { inbox, published, counters, settle } = setUp();
    let isTaken = false;
    const taking = inbox.take(MESSAGE, undefined).then(() => {
      isTaken = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isTaken).toBe(false);
    settle();
    await taking;
    expect(published).toMatchObject([{ clientId: '$bridge/m', topic: 'a', qos: 1, path: [] }]);
    expect(counters.received).toBe(1);
  });

  it('is to be sent again when the disk did not take it', async () => {
    const { inbox, counters, settle } = setUp();
    const taking = inbox.take(MESSAGE, undefined);
    settle(new Error('the disk is full'));
    await expect(taking).rejects.toThrow('the disk is full');
    expect(counters.received).toBe(0);
  });

  it.each([
    ['has been here', { path: ['mesh/b9', 'mesh/b1'] }, 'loop'],
    ['has passed too many brokers', { path: Array.from({ length: 16 }, (_, at) => `mesh/c${at}`) }, 'loop'],
    ['would be the state of this broker', { topic: 'far/$SYS/x' }, 'invalid'],
    ['fits no route', { topic: 'near/a' }, 'invalid'],
    ['has too long a topic', { topic: `far/${'a'.repeat(2_000)}` }, 'invalid'],
    ['is too large', { payload: Buffer.alloc(101) }, 'invalid'],
  ] as const)('is acknowledged, counted and goes no further when it %s', async (_why, parts, cause) => {
    const { inbox, published, counters } = setUp();
    await inbox.take({ ...MESSAGE, ...parts }, undefined);
    expect(published).toEqual([]);
    expect(counters).toMatchObject({ received: 0, loop: 0, invalid: 0, [cause]: 1 });
  });

  it('is taken for an echo once for each time that it was sent', async () => {
    const { inbox, published, counters, settle } = setUp();
    const echoes = new EchoMemory();
    echoes.sent('far/a', 'on', 0);
    await inbox.take(MESSAGE, echoes);
    expect(counters.loop).toBe(1);
    const taking = inbox.take(MESSAGE, echoes);
    settle();
    await taking;
    expect(published).toHaveLength(1);
  });
});
