import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authenticator, basicAuthHeader, derivedPassword, hashPassword } from '../../../core/identity/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import type { GatewayStatus } from '../../../core/wire/index.ts';
import { createApi } from '../../../gateway/api/index.ts';
import { clockStatus } from '../../support/clocks.ts';

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
    lost: 0,
    dropped: 0,
    missing: 0,
    unnumbered: 0,
    duplicates: 1,
    received: 6,
    refused: 0,
  },
  buffer: { readings: 2, bytes: 100, lostPositions: 0 },
  latencyMs: { p50: 3, p99: 9 },
  time: clockStatus({ master: 'gateway-1' }),
};

let api: ReturnType<typeof createApi>;
let statusesAsked: number;
const passwordHash = hashPassword('right');
beforeEach(async () => {
  const accounts = [{ username: 'operator', passwordHash: await passwordHash, role: 'operator' as const }];
  statusesAsked = 0;
  api = createApi({
    authenticator: new Authenticator({ accounts, siteKey: SITE_KEY, clock: new VirtualClock() }),
    // Each status differs from the one before, as it does while readings come in.
    status: async () => {
      statusesAsked += 1;
      return { ...status, devices: statusesAsked, uptimeS: statusesAsked, shards: Array(statusesAsked).fill(1) };
    },
    health: () => ({ id: status.id, brokerUp: status.brokerUp, storeUp: status.storeUp }),
    devices: () => [],
    device: () => undefined,
    agreement: undefined,
    clock: new VirtualClock(),
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
    expect(statusesAsked).toBe(0);
  });

  it('tells its status', async () => {
    const answer = await api.inject({ url: '/status', headers: as('console', 'console') });
    expect(answer.json()).toEqual({ ...status, devices: 1, uptimeS: 1, shards: [1] });
  });

  it('tells metrics that are all of one status, also when two ask at once', async () => {
    const scrape = () => api.inject({ url: '/metrics', headers: as('console', 'console') });
    const pages = (await Promise.all([scrape(), scrape()])).map(({ body }) => body);
    expect(statusesAsked).toBe(2);
    for (const page of pages) {
      expect(page).toMatch(/^lattice_gateway_readings_stored 3$/m);
      expect(page).toMatch(/^lattice_gateway_store_up 0$/m);
      expect(page).toMatch(/^lattice_time_is_master 1$/m);
      expect(page).toMatch(/^process_cpu_seconds_total /m);
    }
    const gauge = (page: string, name: string) => new RegExp(`^lattice_gateway_${name} (\\d+)$`, 'm').exec(page)?.[1];
    expect(pages.map((page) => [gauge(page, 'devices'), gauge(page, 'shards')]).sort()).toEqual([
      ['1', '1'],
      ['2', '2'],
    ]);
  });

  it.each(['operator', 'nobody'])('answers 429 to guessing at "%s", but not to machines', async (name) => {
    const guess = (password: string) =>
      api.inject({ url: '/status', headers: { authorization: basicAuthHeader(name, password) } });
    for (let at = 0; at < 10; at++) expect((await guess(`guess ${at}`)).statusCode).toBe(401);
    const answer = await guess('right');
    expect([answer.statusCode, answer.json().code, answer.headers['retry-after']]).toEqual([
      429,
      'AUTH_THROTTLED',
      '30',
    ]);
    expect((await api.inject({ url: '/status', headers: as('console', 'console') })).statusCode).toBe(200);
    expect((await api.inject('/health')).statusCode).toBe(200);
  });
});
