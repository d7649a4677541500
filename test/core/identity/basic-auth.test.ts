import { describe, expect, it } from 'vitest';
import { basicAuthHeader, parseBasicAuth } from '../../../core/identity/index.ts';

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
