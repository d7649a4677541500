import { describe, expect, it } from 'vitest';
import {
  Authenticator,
  basicAuthHeader,
  derivedPassword,
  hashPassword,
  parseBasicAuth,
} from '../../../core/identity/index.ts';

const SITE_KEY = 'a site key of some length';

async function setUp(): Promise<Authenticator> {
  const accounts = [{ username: 'operator', passwordHash: await hashPassword('right'), role: 'operator' as const }];
  return new Authenticator({ accounts, siteKey: SITE_KEY });
}

describe('Authenticator', () => {
  it('knows people by their password alone', async () => {
    const authenticator = await setUp();
    expect(await authenticator.verify('operator', 'wrong')).toBeUndefined();
    expect(await authenticator.verify('operator', 'right')).toEqual({ username: 'operator', role: 'operator' });
    expect(await authenticator.verify('operator', 'right')).toEqual({ username: 'operator', role: 'operator' });
    expect(await authenticator.verify('operator', 'wrong')).toBeUndefined();
  });

  it('knows machines by the password that follows from the key, the role and the name', async () => {
    const authenticator = await setUp();
    const password = derivedPassword(SITE_KEY, 'device', 'd1');
    expect(await authenticator.verify('d1', password)).toEqual({ username: 'd1', role: 'device' });
    expect(await authenticator.verify('d2', password)).toBeUndefined();
    expect(await authenticator.verify('d1', derivedPassword('another key', 'device', 'd1'))).toBeUndefined();
    expect(await authenticator.verify('d1', derivedPassword(SITE_KEY, 'gateway', 'd1'))).toEqual({
      username: 'd1',
      role: 'gateway',
    });
  });

  it("does not let a machine take a person's name", async () => {
    const authenticator = await setUp();
    expect(await authenticator.verify('operator', derivedPassword(SITE_KEY, 'device', 'operator'))).toBeUndefined();
  });
});

describe('HTTP Basic', () => {
  it('comes back as it went, colons and umlauts in the password too', () => {
    expect(parseBasicAuth(basicAuthHeader('ann', 'a:b:ü'))).toEqual({ username: 'ann', password: 'a:b:ü' });
  });
  it.each([undefined, '', 'Bearer x', 'Basic !!', `Basic ${Buffer.from('nocolon').toString('base64')}`])(
    'finds nothing in %s',
    (header) => {
      expect(parseBasicAuth(header)).toBeUndefined();
    },
  );
});
