import { describe, expect, it } from 'vitest';
import { mayPublish, maySubscribe } from '../../../broker/access/index.ts';
import type { Identity, Role } from '../../../core/identity/index.ts';

const who = (role: Role, username = 'd1'): Identity => ({ role, username });

describe('rights by role', () => {
  it.each([
    ['device', 'mesh/v1/home/d1/state', true],
    ['device', 'mesh/v1/home/d2/state', false],
    ['device', 'mesh/v1/away/d1/state', false],
    ['device', 'homeassistant/device/d1/config', false],
    ['device', 'mesh/v1/home/d1/time', true],
    ['device', 'mesh/v1/home/d2/time', false],
    ['device', 'mesh/v1/home/d1/now', false],
    ['gateway', 'mesh/v1/home/d1/now', true],
    ['console', 'mesh/v1/home/d1/now', false],
    ['reader', 'mesh/v1/home/d1/now', false],
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
    ['device', 'mesh/v1/home/d1/now', true],
    ['device', 'mesh/v1/home/d2/now', false],
    ['device', '$SYS/#', false],
    ['gateway', '$shard/5/mesh/v1/#', true],
    ['gateway', '$shard/+/mesh/v1/+/+/state', true],
    ['gateway', '$shard/64/mesh/v1/#', false],
    ['gateway', '$shard/#', false],
    ['gateway', '$SYS/#', false],
    ['console', '$SYS/#', true],
    ['console', '#', false],
    ['reader', 'mesh/v1/#', true],
    ['device', '$SYS/lattice/brokers', true],
    ['device', '$SYS/lattice/+', false],
    ['device', '$SYS/#', false],
    ['gateway', '$SYS/lattice/brokers', true],
    ['gateway', '$SYS/lattice/#', false],
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
});
