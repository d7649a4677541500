import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import { claimFence, fencedTransaction } from '../../../../gateway/coordination/index.ts';
import { MemorySite, memoryCoordinator } from '../../../support/memory-site.ts';

const leader = (token: number) => ({ scope: 'a/b', token });
const put = (value: string) => [{ op: 'put' as const, key: 'k', value }];

describe('a fence in the coordinator', () => {
  it('lets the greatest token that was claimed write, and no other', async () => {
    const site = new MemorySite();
    const group = memoryCoordinator(site);
    await claimFence(group, leader(9));
    await fencedTransaction(group, leader(9), put('nine'));
    await claimFence(group, leader(10));
    await claimFence(group, leader(10));
    await expect(fencedTransaction(group, leader(9), put('late'))).rejects.toMatchObject({ code: 'FENCED' });
    await expect(fencedTransaction(group, leader(11), put('unclaimed'))).rejects.toMatchObject({ code: 'FENCED' });
    await expect(claimFence(group, leader(9))).rejects.toMatchObject({ code: 'FENCED' });
    await claimFence(group, { scope: 'other', token: 1 });
    expect(site.keys.get('k')?.value).toBe('nine');
    await fencedTransaction(group, leader(10), put('ten'));
    expect(site.keys.get('k')?.value).toBe('ten');
  });

  it('ends with the greatest of any claims in any order, one after the other or at once', async () => {
    const tokens = fc.array(fc.oneof(fc.nat(20), fc.nat(Number.MAX_SAFE_INTEGER - 1)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(tokens, fc.boolean(), async (claimed, atOnce) => {
        const group = memoryCoordinator(new MemorySite());
        const claim = (token: number) => claimFence(group, leader(token)).catch(codeOf);
        let highest = -1;
        if (atOnce) await Promise.all(claimed.map(claim));
        else {
          for (const token of claimed) {
            expect(await claim(token)).toBe(token < highest ? 'FENCED' : undefined);
            highest = Math.max(highest, token);
          }
        }
        for (const token of claimed) {
          const code = await fencedTransaction(group, leader(token), put('x')).then(() => undefined, codeOf);
          expect(code).toBe(token === Math.max(...claimed) ? undefined : 'FENCED');
        }
      }),
    );
  });
});
