import { describe, expect, it } from 'vitest';
import { RouteTable } from '../../../broker/hot/route-table.ts';
import type { CleanReceiver, Switchboard } from '../../../broker/mqtt/index.ts';

/** A switchboard whose answers are counted. */
function fakeSwitchboard() {
  const asked: string[] = [];
  const switchboard = {
    version: 0,
    recipientsOf: (topic: string) => {
      asked.push(topic);
      return { clean: [] as CleanReceiver[], hasKept: true };
    },
  };
  return { switchboard, asked, routes: new RouteTable(switchboard as unknown as Switchboard) };
}

const bytesOf = (text: string): Uint8Array => Buffer.from(`..${text}..`);

describe('the routes', () => {
  it('are found by the bytes of a topic, wherever these stand', () => {
    const { routes } = fakeSwitchboard();
    const topics = Array.from({ length: 500 }, (_, index) => `mesh/v1/home/d${index}/ä`);
    for (const topic of topics) {
      const bytes = bytesOf(topic);
      expect(routes.find(bytes, 2, bytes.length - 2)).toBeUndefined();
      routes.add(topic, bytes, 2, bytes.length - 2);
    }
    for (const topic of topics) {
      const bytes = bytesOf(topic);
      expect(routes.find(bytes, 2, bytes.length - 2)?.topic).toBe(topic);
      expect(routes.find(bytes, 2, bytes.length - 3)).toBeUndefined();
    }
  });

  it('do not change with the bytes that they were made of', () => {
    const { routes } = fakeSwitchboard();
    const bytes = bytesOf('a/b');
    routes.add('a/b', bytes, 2, 5);
    bytes.fill(0);
    expect(routes.find(bytesOf('a/b'), 2, 5)?.topic).toBe('a/b');
  });

  it('are asked for again when a subscription has changed, and not before', () => {
    const { routes, switchboard, asked } = fakeSwitchboard();
    const route = routes.add('a/b', bytesOf('a/b'), 2, 5);
    if (route === undefined) throw new Error('no route');
    routes.refresh(route);
    routes.refresh(route);
    expect(asked).toEqual(['a/b']);
    expect(route.hasKept).toBe(true);
    switchboard.version += 1;
    routes.refresh(route);
    expect(asked).toEqual(['a/b', 'a/b']);
  });

  it('are bounded in number, and in how many share a hash', () => {
    const { routes } = fakeSwitchboard();
    let present = 0;
    for (let index = 0; index < 40_000; index++) {
      const bytes = bytesOf(`t/${index}`);
      routes.add(`t/${index}`, bytes, 2, bytes.length - 2);
    }
    for (let index = 0; index < 40_000; index++) {
      const bytes = bytesOf(`t/${index}`);
      if (routes.find(bytes, 2, bytes.length - 2) !== undefined) present += 1;
    }
    expect(present).toBeGreaterThan(0);
    expect(present).toBeLessThanOrEqual(16_384);
    // One topic added again and again stands for many that share its hash.
    const added = Array.from({ length: 10 }, () => routes.add('same', bytesOf('same'), 2, 6));
    expect(added.filter((route) => route !== undefined).length).toBe(8);
  });
});
