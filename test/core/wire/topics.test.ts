import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterCovers, filterMatches, meshFilter, meshTopic, parseMeshTopic } from '../../../core/wire/index.ts';

describe('topics', () => {
  it('builds what it parses', () => {
    expect(meshTopic('home', 'mote-1', 'state')).toBe('mesh/v1/home/mote-1/state');
    expect(parseMeshTopic('mesh/v1/home/mote-1/state')).toEqual({ site: 'home', device: 'mote-1', kind: 'state' });
    expect(meshFilter({ device: 'd', kind: 'gap' })).toBe('mesh/v1/+/d/gap');
  });

  it.each([
    'mesh/v1/home/d',
    'mesh/v2/home/d/state',
    'mesh/v1/home/d/nothing',
    'mesh/v1/ho me/d/state',
    'mesh/v1//d/state',
    'mesh/v1/home/d/state/x',
  ])('does not take %s for a topic of the mesh', (topic) => {
    expect(parseMeshTopic(topic)).toBeUndefined();
  });

  it.each(['', 'a/b', '+', '#', 'x'.repeat(65), 'a b', 'ä'])('builds no topic of the name "%s"', (name) => {
    expect(() => meshTopic('home', name, 'state')).toThrow(expect.objectContaining({ code: 'TOPIC_INVALID' }));
  });

  // The examples of MQTT 3.1.1 section 4.7.
  it.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['#', 'a/b', true],
    ['sport/tennis/+', 'sport/tennis/player1', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/uptime', false],
    ['+/uptime', '$SYS/uptime', false],
    ['$SYS/#', '$SYS/uptime', true],
  ])('filter %s on topic %s: %s', (filter, topic, expected) => {
    expect(filterMatches(filter, topic)).toBe(expected);
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
        if (filterCovers(allowed, asked) && filterMatches(asked, published))
          expect(filterMatches(allowed, published)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
