import { beforeAll, describe, expect, it } from 'vitest';
import { Authenticator, derivedPassword, hashPassword, type LoginResult } from '../../../core/identity/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';

const SITE_KEY = 'a site key of some length';
const OPERATOR = { outcome: 'known', identity: { username: 'operator', role: 'operator' } };
const WRONG = { outcome: 'wrong' };

let passwordHash: string;
beforeAll(async () => {
  passwordHash = await hashPassword('right');
});

function setUp() {
  const clock = new VirtualClock();
  const accounts = [{ username: 'operator', passwordHash, role: 'operator' as const }];
  const authenticator = new Authenticator({ accounts, siteKey: SITE_KEY, clock });
  const login = (username: string, password: string, address = '10.0.0.1'): Promise<LoginResult> =>
    authenticator.login({ address, username, password });
  return { clock, login };
}

function outcomesOf(results: readonly LoginResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

describe('who is who', () => {
  it('knows people by their password alone', async () => {
    const { login } = setUp();
    expect(await login('operator', 'wrong')).toEqual(WRONG);
    expect(await login('operator', 'right')).toEqual(OPERATOR);
    expect(await login('operator', 'right')).toEqual(OPERATOR);
    expect(await login('operator', 'wrong')).toEqual(WRONG);
  });

  it('knows machines by the password that follows from the key, the role and the name', async () => {
    const { login } = setUp();
    const password = derivedPassword(SITE_KEY, 'device', 'd1');
    const known = (role: string) => ({ outcome: 'known', identity: { username: 'd1', role } });
    expect(await login('d1', password)).toEqual(known('device'));
    expect(await login('d2', password)).toEqual(WRONG);
    expect(await login('d1', derivedPassword('another key', 'device', 'd1'))).toEqual(WRONG);
    expect(await login('d1', derivedPassword(SITE_KEY, 'gateway', 'd1'))).toEqual(known('gateway'));
  });

  it("does not let a machine take a person's name", async () => {
    const { login } = setUp();
    expect(await login('operator', derivedPassword(SITE_KEY, 'device', 'operator'))).toEqual(WRONG);
  });
});

describe('how often one may try', () => {
  it.each(['operator', 'nobody'])('lets nobody guess at "%s" more than ten times in 30 s', async (name) => {
    const { clock, login } = setUp();
    for (let guess = 0; guess < 10; guess++) expect(await login(name, `guess ${guess}`)).toEqual(WRONG);
    clock.advance(1_500);
    // Not even the right password, or an eleventh guess could be told from a wrong one.
    expect(await login(name, 'right')).toEqual({ outcome: 'throttled', retryAfterS: 29 });
    expect(await login('operator', 'right', '10.0.0.2')).toEqual(OPERATOR);
    expect(await login('d1', derivedPassword(SITE_KEY, 'device', 'd1'))).toMatchObject({ outcome: 'known' });
    clock.advance(28_500);
    expect(await login(name, 'right')).toEqual(name === 'operator' ? OPERATOR : WRONG);
  });

  it('does not let many through at once', async () => {
    const { login } = setUp();
    const wave = async (name: string) =>
      outcomesOf(await Promise.all(Array.from({ length: 30 }, (_, at) => login('operator', `${name} ${at}`))));
    expect(await wave('first')).toEqual({ wrong: 8, throttled: 22 });
    // Two are left of the ten, and count before anybody knows that they are wrong.
    expect(await wave('second')).toEqual({ wrong: 2, throttled: 28 });
  });

  it('computes a bounded number at once, wherever the tries come from', async () => {
    const { login } = setUp();
    const guesses = Array.from({ length: 40 }, (_, at) => login(`name ${at}`, 'guess', `10.0.1.${at}`));
    // A machine does not stand in that line.
    expect(await login('d1', derivedPassword(SITE_KEY, 'device', 'd1'))).toMatchObject({ outcome: 'known' });
    expect(outcomesOf(await Promise.all(guesses))).toEqual({ wrong: 17, throttled: 23 });
    expect(await login('name 39', 'guess', '10.0.1.39')).toEqual(WRONG);
  });

  it('counts one right password that comes many times at once as one, and then not at all', async () => {
    const { login } = setUp();
    const page = () => Promise.all(Array.from({ length: 30 }, () => login('operator', 'right')));
    expect(outcomesOf(await page())).toEqual({ known: 30 });
    for (let guess = 0; guess < 9; guess++) await login('operator', `guess ${guess}`);
    expect(outcomesOf(await page())).toEqual({ known: 30 });
  });

  it('takes as long for a name that nobody has', async () => {
    const { login } = setUp();
    const times = { operator: [] as number[], nobody: [] as number[] };
    for (let guess = 0; guess < 5; guess++) {
      for (const name of ['operator', 'nobody'] as const) {
        const startMs = performance.now();
        await login(name, `guess ${guess}`);
        times[name].push(performance.now() - startMs);
      }
    }
    // The fastest of each has the least of what else the machine does. Without the computation the factor is above 100.
    expect(Math.min(...times.nobody)).toBeGreaterThan(Math.min(...times.operator) / 3);
  });
});
