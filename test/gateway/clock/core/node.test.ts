import { describe, expect, it } from 'vitest';
import {
  CLOCK_NODE_DEFAULTS,
  type ClockEffect,
  type ClockMessage,
  ClockNode,
  decodeClockMessage,
  encodeClockMessage,
  type SavedClock,
} from '../../../../gateway/clock/core/index.ts';

const WALL_MS = 1_700_000_000_000;
const DELAY_MS = 0.2;

interface Member {
  node: ClockNode;
  boot: string;
  /** Its monotonic clock is so far ahead of that of the world. */
  aheadMs: number;
}

/** Nodes joined without loss, moved by hand; the first leads. */
class Site {
  readonly members = new Map<string, Member>();
  readonly notes: [string, string][] = [];
  readonly saved = new Map<string, SavedClock>();
  nowMs = 1_000;
  #away = new Set<string>();

  constructor(walls: Record<string, number>) {
    for (const [name, wallMs] of Object.entries(walls)) this.add(name, wallMs);
  }

  add(name: string, offMs: number, saved?: SavedClock): Member {
    const aheadMs = name.charCodeAt(name.length - 1) * 1_000;
    const boot = `boot ${name} ${this.nowMs}`;
    const start = { monotonicMs: this.nowMs + aheadMs, wallMs: WALL_MS + this.nowMs + offMs, saved };
    const member = { node: new ClockNode({ ...CLOCK_NODE_DEFAULTS, name, boot }, start), boot, aheadMs };
    this.members.set(name, member);
    return member;
  }

  lead(leader: string, term: number): void {
    const members = [...this.members.keys()];
    for (const name of members) {
      this.do(name, { type: 'role', term, isMaster: name === leader, leader, members });
    }
  }

  do(name: string, event: Parameters<ClockNode['step']>[0]): void {
    const { node, aheadMs } = this.get(name);
    for (const effect of node.step(event, this.nowMs + aheadMs)) this.#carryOut(name, effect);
  }

  get(name: string): Member {
    return this.members.get(name) as Member;
  }

  at(name: string) {
    const { node, aheadMs } = this.get(name);
    return node.at(this.nowMs + aheadMs);
  }

  cut(name: string): void {
    this.#away.add(name);
  }

  run(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += 50) {
      for (const name of this.members.keys()) this.do(name, { type: 'tick' });
    }
  }

  #carryOut(from: string, effect: ClockEffect): void {
    const { aheadMs } = this.get(from);
    if (effect.type === 'note') this.notes.push([from, effect.note.kind]);
    if (effect.type === 'save') this.saved.set(from, effect.saved);
    const to = effect.type === 'send' ? effect.to : effect.type === 'probe' ? effect.peer : undefined;
    if (to === undefined || this.#away.has(to) || this.#away.has(from)) return;
    const peer = this.get(to);
    if (effect.type === 'send') {
      this.do(to, { type: 'message', from, message: decodeClockMessage(encodeClockMessage(effect.message)) });
      return;
    }
    const t1Ms = this.nowMs + aheadMs - 2 * DELAY_MS;
    const t2Ms = this.nowMs - DELAY_MS + peer.aheadMs;
    const exchange = { t1Ms, t2Ms, t3Ms: t2Ms, t4Ms: this.nowMs + aheadMs };
    this.do(from, { type: 'exchange', peer: to, boot: peer.boot, path: 'udp', exchange });
  }
}

const spread = (site: Site): number => {
  const all = [...site.members.keys()].map((name) => site.at(name).ms);
  return Math.max(...all) - Math.min(...all);
};

describe('a site of clocks', () => {
  it('begins with the average of those that agree, within the first second', () => {
    const site = new Site({ a: 0, b: 6, c: 3, d: -3_600_000, e: 50_000 });
    site.lead('a', 1);
    site.run(1_000);
    expect(spread(site)).toBeLessThan(0.01);
    expect(site.at('a').ms).toBeCloseTo(WALL_MS + site.nowMs + 3, 1);
    expect(site.get('d').node.status(0).kind).toBe('relative');
  });

  it('takes the middle when no majority agrees, and says so', () => {
    const site = new Site({ a: 0, b: 60_000, c: -90_000 });
    site.lead('a', 1);
    site.run(1_000);
    expect(site.at('c').ms).toBeCloseTo(WALL_MS + site.nowMs, 1);
    expect(site.notes).toContainEqual(['a', 'disagreement']);
  });

  it('waits for a majority before it begins', () => {
    const site = new Site({ a: 0, b: 1, c: 2 });
    site.cut('b');
    site.cut('c');
    site.lead('a', 1);
    site.run(30_000);
    expect(site.get('a').node.clock.kind).toBe('none');
  });

  it('keeps its time when a leader takes over that has just started with a clock of its own', () => {
    const site = new Site({ a: 0, b: 1, c: 2 });
    site.lead('a', 1);
    site.run(20_000);
    const offMs = site.at('b').ms - site.nowMs;
    site.add('a', -86_400_000);
    site.lead('a', 2);
    site.run(5_000);
    expect(site.at('a').ms - site.nowMs).toBeCloseTo(offMs, 1);
    expect(site.at('b').ms - site.nowMs).toBeCloseTo(offMs, 1);
    expect(site.get('b').node.clock.steps).toBe(1);
  });

  it('is set by a person at its master, and members that were away hear of it later', () => {
    const site = new Site({ a: 0, b: 1, c: 2 });
    site.lead('a', 1);
    site.run(5_000);
    const shownMs = WALL_MS + 3_600_000;
    site.do('a', { type: 'set', shownMs, uncertaintyMs: 0, kind: 'relative' });
    const setAtMs = site.nowMs;
    site.run(2_000);
    for (const name of ['a', 'b', 'c']) expect(site.at(name).ms).toBeCloseTo(shownMs + site.nowMs - setAtMs, 1);
    expect(site.notes.filter(([, kind]) => kind === 'set')).toHaveLength(3);
    // A gateway that leads later counts on, so that the next one is heard too.
    site.lead('b', 2);
    site.run(2_000);
    site.do('b', { type: 'set', shownMs: WALL_MS, uncertaintyMs: 0, kind: 'relative' });
    site.run(2_000);
    expect(site.at('c').ms).toBeLessThan(WALL_MS + 10_000);
  });

  it('follows a reference outside and says so; without it, its uncertainty grows until it is an alarm', () => {
    const site = new Site({ a: 0, b: 1, c: 2 });
    site.do('a', {
      type: 'reference',
      atMs: site.nowMs + site.get('a').aheadMs,
      utcMs: WALL_MS + site.nowMs + 40,
      uncertaintyMs: 5,
    });
    site.lead('a', 1);
    site.run(2_000);
    expect(site.get('c').node.clock.kind).toBe('absolute');
    expect(Math.abs(site.at('c').ms - (WALL_MS + site.nowMs + 40))).toBeLessThan(6);
    expect(site.at('c').uncertaintyMs).toBeGreaterThan(5);
    site.run(600_000);
    expect(site.notes).toContainEqual(['c', 'uncertain']);
    expect(site.get('c').node.status(site.nowMs).isAlarmed).toBe(true);
  });

  it('keeps its frequency over a restart', () => {
    const saved: SavedClock = { version: 1, frequencyPpm: 42, isSettled: true };
    const site = new Site({ a: 0 });
    expect(site.add('b', 0, saved).node.clock.frequencyPpm).toBeCloseTo(42, 6);
    site.lead('a', 1);
    site.run(130_000);
    expect(site.saved.get('b')?.frequencyPpm).toBeCloseTo(0, 3);
  });
});

describe('what a node refuses', () => {
  const adjust = (more: Partial<ClockMessage & { type: 'adjust' }> = {}): ClockMessage => ({
    ...{ type: 'adjust', term: 1, round: 1_000, boot: 'none', epoch: 'one', isSettled: false, stepCount: 0 },
    target: { atMs: 0, shownMs: 0, rate: 1 },
    quality: { kind: 'relative', uncertaintyMs: 0, growthPpm: 0, wanderPpmPerS: 0 },
    ...more,
  });

  it.each([
    ['malformed', 'a', () => undefined],
    ['unknownSender', 'x', (boot: string) => adjust({ boot })],
    ['staleTerm', 'a', (boot: string) => adjust({ boot, term: 0 })],
    ['staleRound', 'a', (boot: string) => adjust({ boot, round: 1 })],
    ['otherLife', 'a', () => adjust()],
    ['notLeader', 'c', (boot: string) => adjust({ boot })],
    ['staleTerm', 'a', (boot: string) => ({ ...reportOf(boot), term: 9 })],
  ] as const)('%s, from %s: counted and told, and the clock goes on', (reason, from, messageOf) => {
    const site = new Site({ a: 0, b: 1, c: 2 });
    site.lead('a', 1);
    site.run(3_000);
    const before = site.get('b').node.clock.stretch;
    const { boot } = site.get('b');
    site.do('b', { type: 'message', from, message: messageOf(boot) });
    expect(site.get('b').node.status(site.nowMs).refused[reason]).toBe(1);
    expect(site.notes.at(-1)).toEqual(['b', 'refused']);
    expect(site.get('b').node.clock.stretch).toEqual(before);
  });

  it('nonsense in a message', () => {
    const nonsense = [
      'no json',
      '{}',
      JSON.stringify({ ...adjust(), target: { atMs: 0, shownMs: 0, rate: 2 } }),
      JSON.stringify({ ...adjust(), target: { atMs: 0, shownMs: null, rate: 1 } }),
      JSON.stringify({ ...adjust(), quality: { kind: 'relative', uncertaintyMs: -1, growthPpm: 0, wanderPpmPerS: 0 } }),
      JSON.stringify({ ...adjust(), target: { atMs: 0, shownMs: 1e300, rate: 1 } }),
    ];
    for (const text of nonsense) expect(decodeClockMessage(Buffer.from(text))).toBeUndefined();
    expect(decodeClockMessage(encodeClockMessage(adjust()))).toEqual(adjust());
  });

  function reportOf(boot: string): ClockMessage {
    const stretch = { atMs: 0, shownMs: 0, rate: 1, slew: 0, slewUntilMs: 0 };
    return { type: 'report', term: 1, round: 1, boot, stretch, kind: 'relative', uncertaintyMs: 0, followedTerm: 1 };
  }
});
