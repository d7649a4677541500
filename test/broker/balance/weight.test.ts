import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientUrls } from '../../../broker/balance/client-urls.ts';
import { type Load, weightOf } from '../../../broker/balance/weight.ts';

const IDLE: Load = {
  connections: 0,
  connectionsMax: 5_000,
  queued: 0,
  queuedMax: 0,
  loopBusy: 0,
  commitP99Ms: 0,
};

describe('the weight of a broker', () => {
  it('is 1 for an idle one, and as low as the scarcest of its resources', () => {
    expect(weightOf(IDLE)).toBe(1);
    expect(weightOf({ ...IDLE, connections: 2_500 })).toBe(0.5);
    expect(weightOf({ ...IDLE, connections: 2_500, loopBusy: 0.8 })).toBe(0.2);
    expect(weightOf({ ...IDLE, queued: 70_000, queuedMax: 100_000 })).toBe(0.3);
    expect(weightOf({ ...IDLE, commitP99Ms: 100 })).toBe(0.5);
  });

  it('is a tenth at least, a whole one at most, and never grows with the load', () => {
    const load = fc.record({
      connections: fc.nat(20_000),
      connectionsMax: fc.integer({ min: 1, max: 10_000 }),
      queued: fc.nat(1_000_000),
      queuedMax: fc.nat(1_000_000),
      loopBusy: fc.double({ min: 0, max: 1, noNaN: true }),
      commitP99Ms: fc.double({ min: 0, max: 60_000, noNaN: true }),
    });
    fc.assert(
      fc.property(
        load,
        fc.constantFrom<keyof Load>('connections', 'queued', 'loopBusy', 'commitP99Ms'),
        (less, key) => {
          const weight = weightOf(less);
          expect(weight).toBeGreaterThanOrEqual(0.1);
          expect(weight).toBeLessThanOrEqual(1);
          expect(weightOf({ ...less, [key]: less[key] * 2 })).toBeLessThanOrEqual(weight);
        },
      ),
    );
  });
});

describe('where clients reach a broker', () => {
  it.each([
    ['where it listens', { host: '10.0.0.1', port: 1883 }, ['mqtt://10.0.0.1:1883']],
    ['by WebSocket too', { host: 'b1', port: 1883, wsPort: 9001 }, ['mqtt://b1:1883', 'ws://b1:9001']],
    ['by IPv6', { host: '::1', port: 1883 }, ['mqtt://[::1]:1883']],
    ['nobody knows, on every interface', { host: '0.0.0.0', port: 1883 }, []],
    ['as configured', { host: '::', port: 1883, advertise: ['mqtts://b1.example'] }, ['mqtts://b1.example']],
  ])('is %s', (_what, listening, urls) => {
    expect(clientUrls(listening)).toEqual(urls);
  });
});
