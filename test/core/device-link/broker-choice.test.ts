import { describe, expect, it } from 'vitest';
import { BrokerChoice } from '../../../core/device-link/broker-choice.ts';
import { seededRandom } from '../../../core/random/index.ts';
import type { BrokerEntry } from '../../../core/wire/index.ts';

const A = 'mqtt://a:1883';
const B = 'mqtt://b:1883';
const C = 'mqtt://c:1883';

function entry(id: string, parts: Partial<BrokerEntry> = {}): BrokerEntry {
  return { id, urls: [`mqtt://${id}:1883`], weight: 1, isDraining: false, atMs: 0, isSelf: false, ...parts };
}

const choiceOf = (configured: string[], own?: number, seed = 1): BrokerChoice =>
  new BrokerChoice({ configured, own, random: seededRandom(seed) });

/** What each of many clients takes first after its broker has told it of the list and was lost. */
function picks(list: BrokerEntry[], clients: number, configured = [A]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < clients; seed++) {
    const choice = choiceOf(configured, undefined, seed);
    choice.connected('mqtt://elsewhere:1883');
    choice.learn('mqtt://elsewhere:1883', list);
    const url = choice.next();
    counts.set(url, (counts.get(url) ?? 0) + 1);
  }
  return counts;
}

describe('the choice of a broker', () => {
  it('goes through the configured ones in turn while nobody told it of any, the own one first', () => {
    const choice = choiceOf([A, B, C], 1);
    expect([1, 2, 3, 4].map(() => choice.next())).toEqual([B, C, A, B]);
  });

  it('begins anywhere when none is its own', () => {
    const firsts = Array.from({ length: 300 }, (_, seed) => choiceOf([A, B, C], undefined, seed).next());
    for (const url of [A, B, C]) expect(firsts.filter((first) => first === url).length).toBeGreaterThan(60);
  });

  it('goes to another than the one that was lost, and knows those of the list', () => {
    const choice = choiceOf([A]);
    expect(choice.next()).toBe(A);
    choice.connected(A);
    choice.learn(A, [entry('a', { isSelf: true }), entry('b')]);
    expect([choice.next(), choice.next()]).toEqual([B, A]);
  });

  it('spreads clients by weight', () => {
    const counts = picks(
      [entry('a', { weight: 0.6 }), entry('b', { weight: 0.3 }), entry('c', { weight: 0.1 })],
      1_000,
    );
    expect(counts.get(A)).toBeGreaterThan(530);
    expect(counts.get(A)).toBeLessThan(670);
    expect(counts.get(B)).toBeGreaterThan(230);
    expect(counts.get(B)).toBeLessThan(370);
    expect(counts.get(C)).toBeGreaterThan(60);
  });

  it('gives a broker no client while it drains and others do not, and one without any room none before the others', () => {
    const counts = picks([entry('a', { isDraining: true, weight: 0 }), entry('b'), entry('c', { weight: 0 })], 100);
    expect([...counts]).toEqual([[B, 100]]);
  });

  it('tries all of them before it tries one twice', () => {
    for (let seed = 0; seed < 50; seed++) {
      const choice = choiceOf([A, 'mqtt://dead:1883'], undefined, seed);
      choice.connected(A);
      choice.learn(A, [entry('a', { isSelf: true }), entry('b', { isDraining: true, weight: 0 }), entry('c')]);
      expect(choice.size).toBe(4);
      const round = [1, 2, 3].map(() => choice.next());
      expect(new Set([...round, A]).size).toBe(4);
      expect(round.at(-1)).toBe(B);
    }
  });

  it('goes back to its own broker if that one has about as much room as the emptiest, else elsewhere', () => {
    for (const [weight, isOwn] of [
      [0.6, true],
      [0.3, false],
    ] as const) {
      let own = 0;
      for (let seed = 0; seed < 100; seed++) {
        const choice = choiceOf([A], 0, seed);
        choice.connected(C);
        choice.learn(C, [entry('a', { weight }), entry('b'), entry('c', { isSelf: true })]);
        if (choice.next() === A) own++;
      }
      if (isOwn) expect(own).toBe(100);
      else expect(own).toBeLessThan(50);
    }
  });

  it('knows a broker that it reaches under another address than the advertised one', () => {
    const local = 'mqtt://localhost:1883';
    const choice = choiceOf([local]);
    choice.next();
    choice.connected(local);
    choice.learn(local, [entry('a', { isSelf: true, isDraining: true }), entry('b')]);
    expect(choice.size).toBe(2);
    expect(choice.leaveReason(local)).toBe('draining');
    expect(choice.next()).toBe(B);
  });

  it('leaves a broker that drains only if there is another that does not', () => {
    const choice = choiceOf([A]);
    choice.connected(A);
    choice.learn(A, [entry('a', { isSelf: true, isDraining: true }), entry('b', { isDraining: true })]);
    expect(choice.leaveReason(A)).toBeUndefined();
    choice.learn(A, [entry('a', { isSelf: true }), entry('b')]);
    expect(choice.leaveReason(A)).toBeUndefined();
  });

  it('leaves another broker for its own when that is there again, well, and about as empty', () => {
    const choice = choiceOf([A, B], 0);
    choice.connected(B);
    const reasonWith = (...a: BrokerEntry[]): string | undefined => {
      choice.learn(B, [...a, entry('b', { isSelf: true })]);
      return choice.leaveReason(B);
    };
    expect(reasonWith()).toBeUndefined();
    expect(reasonWith(entry('a', { isDraining: true, weight: 0 }))).toBeUndefined();
    expect(reasonWith(entry('a', { weight: 0.2 }))).toBeUndefined();
    expect(reasonWith(entry('a', { weight: 0.6 }))).toBe('ownIsBack');
    choice.connected(A);
    choice.learn(A, [entry('a', { isSelf: true }), entry('b')]);
    expect(choice.leaveReason(A)).toBeUndefined();
    const homeless = choiceOf([A, B]);
    homeless.connected(B);
    homeless.learn(B, [entry('a'), entry('b', { isSelf: true })]);
    expect(homeless.leaveReason(B)).toBeUndefined();
  });

  it('is not talked out of TLS by a list', () => {
    const choice = choiceOf(['mqtts://a:8883']);
    choice.learn('mqtts://a:8883', [
      entry('a', { isSelf: true }),
      entry('b'),
      entry('c', { urls: ['ws://c:9001', 'mqtts://c:8883'] }),
    ]);
    const round = [choice.next(), choice.next()];
    expect(choice.size).toBe(2);
    expect(round.toSorted()).toEqual(['mqtts://a:8883', 'mqtts://c:8883']);
  });
});
