import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ErrorCode, LatticeError } from '../../../core/errors/index.ts';
import { Authenticator, basicAuthHeader, hashPassword } from '../../../core/identity/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import type { TimeTarget } from '../../../core/wire/index.ts';
import { createApi, type TimeService } from '../../../gateway/api/index.ts';
import { clockStatus, NEW_YEAR_MS } from '../../support/clocks.ts';

const passwordHash = hashPassword('right');
let api: ReturnType<typeof createApi>;
let asked: TimeTarget[];
let failure: LatticeError | undefined;

const service: TimeService = {
  status: () => clockStatus(),
  set: async (to) => {
    if (failure !== undefined) throw failure;
    asked.push(to);
    return clockStatus({ steps: 2 });
  },
};

async function start(time?: TimeService): Promise<void> {
  const hash = await passwordHash;
  const accounts = (['operator', 'reader'] as const).map((role) => ({ username: role, passwordHash: hash, role }));
  api = createApi({
    authenticator: new Authenticator({ accounts, siteKey: 'a site key of some length', clock: new VirtualClock() }),
    status: () => Promise.reject(new Error('not asked')),
    health: () => ({ id: 'g', brokerUp: true, storeUp: true }),
    devices: () => [],
    device: () => undefined,
    agreement: undefined,
    clock: new VirtualClock(),
    time,
  });
}

beforeEach(() => {
  asked = [];
  failure = undefined;
});
afterEach(() => api.close());

const as = (username: string) => ({ authorization: basicAuthHeader(username, 'right') });
const set = (payload: object | string, username = 'operator') =>
  api.inject({ method: 'POST', url: '/time/set', headers: as(username), payload });

describe('the time in the API of a gateway', () => {
  it('is told to whoever may read, and not to strangers', async () => {
    await start(service);
    expect((await api.inject({ url: '/time', headers: as('reader') })).json()).toEqual(clockStatus());
    expect((await api.inject('/time')).statusCode).toBe(401);
  });

  it('is set by operators alone', async () => {
    await start(service);
    for (const to of ['reference', 'wall', NEW_YEAR_MS]) {
      expect((await set({ to })).json()).toMatchObject({ steps: 2 });
    }
    const refused = await set({ to: 'wall' }, 'reader');
    expect([refused.statusCode, refused.json().code]).toEqual([403, 'OPERATOR_REQUIRED']);
    expect((await api.inject({ method: 'POST', url: '/time/set', payload: { to: 'wall' } })).statusCode).toBe(401);
    expect(asked).toEqual(['reference', 'wall', NEW_YEAR_MS]);
  });

  it.each([
    ['nothing', {}],
    ['a time of day', { to: 'noon' }],
    ['seconds for milliseconds', { to: NEW_YEAR_MS / 1_000 }],
    ['more than it knows of', { to: 'wall', yes: true }],
    ['no JSON', 'wall'],
  ])('refuses %s', async (_what, payload) => {
    await start(service);
    const answer = await set(payload);
    expect(answer.statusCode).toBeGreaterThanOrEqual(400);
    expect(answer.statusCode).toBeLessThan(500);
    expect(asked).toEqual([]);
  });

  it.each<[ErrorCode, number]>([
    ['TIME_NOT_MASTER', 409],
    ['TIME_NO_REFERENCE', 409],
    ['INTERNAL', 500],
  ])('answers %s with %i, and says why', async (code, status) => {
    await start(service);
    failure = new LatticeError(code, 'gateway-2 is the master.');
    const answer = await set({ to: 'reference' });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code, detail: 'gateway-2 is the master.' });
  });

  it('is not there where a gateway takes no part', async () => {
    await start();
    const got = await api.inject({ url: '/time', headers: as('reader') });
    expect([got.statusCode, got.json().code]).toEqual([404, 'NOT_FOUND']);
    expect((await set({ to: 'wall' })).statusCode).toBe(404);
  });
});
