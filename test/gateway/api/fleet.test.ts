import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ErrorCode, LatticeError } from '../../../core/errors/index.ts';
import { Authenticator, basicAuthHeader, hashPassword } from '../../../core/identity/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { createApi } from '../../../gateway/api/index.ts';
import type { DeviceChange } from '../../../gateway/sites/index.ts';

const passwordHash = hashPassword('right');
let api: ReturnType<typeof createApi>;
let asked: (readonly DeviceChange[])[];
let failure: LatticeError | undefined;

beforeEach(async () => {
  asked = [];
  failure = undefined;
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
    fleet: {
      rollOut: async (changes) => {
        if (failure !== undefined) throw failure;
        asked.push(changes);
        return { id: '1', devices: [], pendingSites: [] };
      },
      desired: async (site) => (site === 'a' ? { version: 1, settings: { mode: 'eco' } } : undefined),
      status: async () => ({ decision: 'paxos', sites: [], pending: [] }),
    },
  });
});
afterEach(() => api.close());

const as = (username: string) => ({ authorization: basicAuthHeader(username, 'right') });
const change = { site: 'a', device: 'pump', settings: { mode: 'eco', level: null } };
const post = (payload: object | string, username = 'operator') =>
  api.inject({ method: 'POST', url: '/v1/fleet/changes', headers: as(username), payload });

describe('the fleet in the API of a gateway', () => {
  it('takes changes from operators alone', async () => {
    expect((await post({ changes: [change] })).json()).toMatchObject({ id: '1' });
    expect(asked).toEqual([[change]]);
    const refused = await post({ changes: [change] }, 'reader');
    expect([refused.statusCode, refused.json().code]).toEqual([403, 'OPERATOR_REQUIRED']);
    const stranger = await api.inject({ method: 'POST', url: '/v1/fleet/changes', payload: { changes: [change] } });
    expect(stranger.statusCode).toBe(401);
    expect(asked).toHaveLength(1);
  });

  it('tells readers', async () => {
    const get = (url: string) => api.inject({ url: `/v1/fleet/${url}`, headers: as('reader') });
    expect((await get('desired/a/pump')).json()).toEqual({ version: 1, settings: { mode: 'eco' } });
    expect((await get('desired/b/pump')).statusCode).toBe(404);
    expect((await get('status')).json()).toMatchObject({ decision: 'paxos' });
  });

  it.each([
    ['no change', { changes: [] }],
    ['a change of nothing', { changes: [{ ...change, settings: {} }] }],
    ['a device with a slash', { changes: [{ ...change, device: 'a/b' }] }],
    ['too many devices', { changes: Array(61).fill(change) }],
    ['what is no list of changes', {}],
  ])('refuses %s', async (_what, payload) => {
    const answer = await post(payload);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'COORDINATION_REJECTED']);
    expect(asked).toEqual([]);
  });

  it.each<[ErrorCode, number]>([
    ['TRANSACTION_ABORTED', 409],
    ['TRANSACTION_IN_DOUBT', 503],
    ['COORDINATION_TIMEOUT', 504],
    ['COORDINATION_REJECTED', 400],
    ['INTERNAL', 500],
  ])('answers %s with %i, and says why', async (code, status) => {
    failure = new LatticeError(code, 'this is why');
    const answer = await post({ changes: [change] });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code, detail: expect.stringContaining('this is why') });
  });
});
