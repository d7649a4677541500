import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, mayPublish, maySubscribe } from '../../../broker/access/index.ts';
import type { Identity, Role } from '../../../core/identity/index.ts';
import { filterMatches } from '../../../core/wire/index.ts';

const who = (role: Role, username = 'd1'): Identity => ({ role, username });

describe('rights by role', () => {
  it.each([
    ['device', 'mesh/v1/home/d1/state', true],
    ['device', 'mesh/v1/home/d2/state', false],
    ['device', 'mesh/v1/away/d1/state', false],
    ['device', 'homeassistant/device/d1/config', false],
    ['gateway', 'mesh/v1/away/d2/state', true],
    ['gateway', 'homeassistant/device/d1/config', true],
    ['gateway', '$SYS/x', false],
    ['gateway', '$shard/1/mesh/v1/home/d1/state', false],
    ['console', 'mesh/v1/home/d1/state', false],
    ['reader', 'homeassistant/status', true],
    ['reader', 'mesh/v1/home/d1/state', false],
    ['operator', 'mesh/v1/home/d1/state', true],
    ['operator', 'elsewhere', false],
    ['operator', '$SYS/x', false],
  ] as const)('%s publishing to %s: %s', (role, topic, allowed) => {
    expect(mayPublish(who(role), 'home', topic)).toBe(allowed);
  });

  it.each([
    ['device', 'mesh/v1/home/d1/#', true],
    ['device', 'mesh/v1/home/+/state', false],
    ['device', '$SYS/#', false],
    ['gateway', '$shard/5/mesh/v1/#', true],
    ['gateway', '$shard/+/mesh/v1/+/+/state', true],
    ['gateway', '$shard/64/mesh/v1/#', false],
    ['gateway', '$shard/#', false],
    ['gateway', '$SYS/#', false],
    ['console', '$SYS/#', true],
    ['console', '#', false],
    ['reader', 'mesh/v1/#', true],
    ['operator', '#', false],
    ['operator', 'lattice/session', false],
    ['operator', 'homeassistant/#', true],
    ['operator', '$SYS/#', true],
    ['operator', '$shard/1/#', false],
    ['operator', '$shard/1/mesh/v1/#', true],
    ['operator', '$other/#', false],
  ] as const)('%s subscribing to %s: %s', (role, filter, allowed) => {
    expect(maySubscribe(who(role), 'home', filter)).toBe(allowed);
  });

  it('gives a device whose name would be a wildcard nothing', () => {
    for (const name of ['#', '+', 'a/b', '']) {
      expect(mayPublish(who('device', name), 'home', 'mesh/v1/home/d2/state')).toBe(false);
      expect(maySubscribe(who('device', name), 'home', 'mesh/v1/home/d2/state')).toBe(false);
    }
  });

  it('covers a filter only if it matches every topic that the filter matches', () => {
    const level = fc.constantFrom('a', 'b', '', '+');
    const filter = fc
      .tuple(fc.array(level, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'));
    const topic = fc
      .array(fc.constantFrom('a', 'b', ''), { minLength: 1, maxLength: 5 })
      .map((levels) => levels.join('/'));
    fc.assert(
      fc.property(filter, filter, topic, (allowed, asked, published) => {
        if (covers(allowed, asked) && filterMatches(asked, published))
          expect(filterMatches(allowed, published)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
