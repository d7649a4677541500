import { describe, expect, it } from 'vitest';
import { bridgesSchema } from '../../../broker/bridge/config.ts';
import { Routes } from '../../../broker/bridge/routes.ts';

const URL = 'mqtt://127.0.0.1:1883';

function routes(...parts: object[]): Routes {
  const [bridge] = bridgesSchema.parse([{ id: 'm', url: URL, routes: parts }]);
  return new Routes(bridge?.routes ?? []);
}

describe('routes of a bridge', () => {
  it('put the prefix of the other end in place of their own', () => {
    const both = routes({
      direction: 'both',
      filter: '+/state',
      localPrefix: 'mesh/v1/home/',
      remotePrefix: 'cloud/7/',
    });
    expect(both.toRemote('mesh/v1/home/d1/state')).toBe('cloud/7/d1/state');
    expect(both.toLocal('cloud/7/d1/state')).toBe('mesh/v1/home/d1/state');
    expect(both.toRemote('mesh/v1/home/d1/meta')).toBeUndefined();
    expect(both.toLocal('mesh/v1/home/d1/state')).toBeUndefined();
    expect(both.comesIn('cloud/7/d1/state')).toBe(true);
    expect(both.comesIn('cloud/8/d1/state')).toBe(false);
  });

  it('go one way only when told so, and the first that fits decides', () => {
    const two = routes(
      { direction: 'out', filter: 'a/b', remotePrefix: 'first/' },
      { direction: 'out', filter: 'a/#', remotePrefix: 'second/' },
      { direction: 'in', filter: 'c' },
    );
    expect(two.toRemote('a/b')).toBe('first/a/b');
    expect(two.toRemote('a/c')).toBe('second/a/c');
    expect(two.toRemote('c')).toBeUndefined();
    expect(two.toLocal('c')).toBe('c');
    expect(two.toLocal('first/a/b')).toBeUndefined();
  });

  it('do not take the parent of `#` for a topic below their prefix', () => {
    const below = routes({ direction: 'both', filter: '#', localPrefix: 'a/', remotePrefix: 'b/' });
    expect(below.toRemote('a')).toBeUndefined();
    expect(below.toRemote('a/x')).toBe('b/x');
  });

  it('subscribe to each filter once, with the highest QoS, and to none that another covers', () => {
    const many = routes(
      { direction: 'both', filter: 'a/b', qos: 0 },
      { direction: 'both', filter: 'a/b', qos: 1 },
      { direction: 'in', filter: 'a/#', qos: 1 },
      { direction: 'out', filter: '#', localPrefix: 'x/', qos: 0 },
      { direction: 'out', filter: 'x/y', qos: 1 },
    );
    expect(many.remoteSubscriptions).toEqual([{ topic: 'a/#', qos: 1 }]);
    // Of QoS 0 as it is, `x/#` does not stand for `x/y`.
    expect(many.localSubscriptions).toEqual([
      { topic: 'a/b', qos: 1 },
      { topic: 'x/#', qos: 0 },
      { topic: 'x/y', qos: 1 },
    ]);
  });
});

describe('the configuration of bridges', () => {
  const route = { direction: 'both', filter: 'a/#' };
  it.each([
    ['a wildcard in a prefix', { routes: [{ ...route, localPrefix: '+/' }] }],
    ['# in the middle of a filter', { routes: [{ ...route, filter: 'a/#/b' }] }],
    ['+ as a part of a level', { routes: [{ ...route, filter: 'a+' }] }],
    ['$SYS here', { routes: [{ ...route, filter: '$SYS/#' }] }],
    ['$SYS at the other broker', { routes: [{ ...route, remotePrefix: '$SYS/' }] }],
    ['QoS 2', { routes: [{ ...route, qos: 2 }] }],
    ['no route', { routes: [] }],
    ['password and passwordFile', { username: 'u', password: 'x', passwordFile: '/x' }],
    ['a password without a user name', { password: 'x' }],
    ['credentials in the address', { url: 'mqtt://u:p@127.0.0.1' }],
    ['a certificate without its key', { tls: { certFile: '/x' } }],
    ['an unknown key', { topics: [] }],
  ])('refuses %s', (_what, parts) => {
    const bridge = { id: 'm', url: URL, routes: [route] };
    expect(bridgesSchema.safeParse([bridge]).success).toBe(true);
    expect(bridgesSchema.safeParse([{ ...bridge, ...parts }]).success).toBe(false);
  });

  it('refuses two bridges of one name', () => {
    const bridge = { id: 'm', url: URL, routes: [route] };
    expect(bridgesSchema.safeParse([bridge, bridge]).success).toBe(false);
    expect(bridgesSchema.safeParse([bridge, { ...bridge, id: 'n' }]).success).toBe(true);
  });

  it('lets a topic of a cloud begin with $, which is not the state of its broker', () => {
    const aws = { direction: 'out', filter: '#', localPrefix: 'mesh/', remotePrefix: '$aws/rules/x/' };
    expect(routes(aws).toRemote('mesh/a')).toBe('$aws/rules/x/a');
  });
});
