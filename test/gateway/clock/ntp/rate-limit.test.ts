import { describe, expect, it } from 'vitest';
import { RateLimit } from '../../../../gateway/clock/ntp/rate-limit.ts';

describe('the rate limit', () => {
  const limits = { burst: 3, intervalMs: 1_000, addressesMax: 2 };

  it('lets a burst through, tells once, and is silent until there is a token again', () => {
    const limit = new RateLimit(limits);
    const take = (nowMs: number) => limit.take('a', nowMs);
    expect([0, 0, 0, 0, 0, 999].map(take)).toEqual(['allow', 'allow', 'allow', 'tell', 'drop', 'drop']);
    expect([1_000, 1_001, 1_002].map(take)).toEqual(['allow', 'tell', 'drop']);
  });

  it('saves up no more than a burst', () => {
    const limit = new RateLimit(limits);
    limit.take('a', 0);
    const taken = [1e6, 1e6, 1e6, 1e6].map((nowMs) => limit.take('a', nowMs));
    expect(taken).toEqual(['allow', 'allow', 'allow', 'tell']);
  });

  it('holds an address to its own share', () => {
    const limit = new RateLimit(limits);
    for (let k = 0; k < 9; k++) limit.take('a', 0);
    expect(limit.take('b', 0)).toBe('allow');
  });

  it('remembers a bounded number of addresses, and forgets the one that was silent longest', () => {
    const limit = new RateLimit(limits);
    for (let k = 0; k < 4; k++) limit.take('a', 0);
    limit.take('b', 0);
    limit.take('a', 0);
    limit.take('c', 0);
    expect(limit.addressesForgotten).toBe(1);
    expect(limit.take('a', 0)).toBe('drop');
    expect(limit.addressesForgotten).toBe(1);
    for (let k = 0; k < 10_000; k++) limit.take(`flood ${k}`, 0);
    expect(limit.addressesForgotten).toBe(10_001);
  });
});
