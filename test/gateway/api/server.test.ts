import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authenticator, basicAuthHeader, derivedPassword } from '../../../core/identity/index.ts';
import type { GatewayStatus } from '../../../core/wire/index.ts';
import { createApi } from '../../../gateway/api/index.ts';

const SITE_KEY = 'a site key of some length';
const status: GatewayStatus = {
  id: 'gateway-1',
  site: 'home',
  uptimeS: 1,
  brokerUp: true,
  storeUp: false,
  store: 'fake',
  shards: [1, 2],
  devices: 1,
  account: {
    sent: 5,
    stored: 3,
    buffered: 2,
    rejected: 0,
    dropped: 0,
    missing: 0,
    duplicates: 1,
    received: 6,
    refused: 0,
  },
  buffer: { readings: 2, bytes: 100, lostPositions: 0 },
  latencyMs: { p50: 3, p99: 9 },
};

let api: ReturnType<typeof createApi>;
beforeEach(() => {
  api = createApi({
    authenticator: new Authenticator({ accounts: [], siteKey: SITE_KEY }),
    status: () => status,
    devices: () => [],
    device: () => undefined,
  });
});
afterEach(() => api.close());

const as = (role: 'console' | 'device', name: string) => ({
  authorization: basicAuthHeader(name, derivedPassword(SITE_KEY, role, name)),
});

describe('the API of a gateway', () => {
  it.each(['/status', '/devices', '/devices/home/d', '/metrics', '/nothing'])(
    'keeps %s from strangers and from devices',
    async (url) => {
      for (const headers of [{}, as('device', 'd1'), { authorization: 'Basic eDp5' }]) {
        const answer = await api.inject({ url, headers });
        expect(answer.statusCode).toBe(401);
        expect(answer.json().code).toMatch(/^AUTH_/);
        expect(answer.body).not.toContain('gateway-1');
      }
    },
  );

  it('tells its health to anybody, and no more than that', async () => {
    expect((await api.inject('/health')).json()).toEqual({
      id: 'gateway-1',
      ok: false,
      brokerUp: true,
      storeUp: false,
    });
  });

  it('tells its status and metrics, which agree', async () => {
    expect((await api.inject({ url: '/status', headers: as('console', 'console') })).json()).toEqual(status);
    const { body } = await api.inject({ url: '/metrics', headers: as('console', 'console') });
    expect(body).toMatch(/^lattice_gateway_readings_stored 3$/m);
    expect(body).toMatch(/^lattice_gateway_store_up 0$/m);
  });
});
