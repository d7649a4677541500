import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { basicAuthHeader, derivedPassword } from '../../../core/identity/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { isKnownHost, isSameOrigin } from '../../../dashboards/console/http/origin.ts';
import { Sessions } from '../../../dashboards/console/http/sessions.ts';
import type { MeshDelta, MeshSnapshot } from '../../../dashboards/console/model/types.ts';
import { eventually } from '../../support/eventually.ts';
import {
  ACCESS_TOKEN,
  announce,
  fleetOf,
  OPERATOR,
  publishReading,
  startTestConsole,
  type TestConsole,
} from '../support/fleet.ts';
import { SITE_KEY, startBroker, type TestBroker } from '../support/mesh.ts';

/** A port on which nothing listens. */
const NOWHERE = 'http://127.0.0.1:9';

describe('the console over HTTP', () => {
  const authorization = basicAuthHeader(OPERATOR.username, OPERATOR.password);
  const fleet = fleetOf(3);
  let broker: TestBroker;
  let mesh: TestConsole;

  beforeAll(async () => {
    broker = await startBroker('b1');
    mesh = await startTestConsole({ brokers: [broker], storeUrl: NOWHERE });
    for (const device of fleet) {
      await announce(broker, device);
    }
  });

  afterAll(async () => {
    await mesh?.stop();
    await broker?.kill();
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${mesh.url}${path}`, { headers, redirect: 'manual' });
  const post = (path: string, body: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${mesh.url}${path}`, { method: 'POST', body: new URLSearchParams(body), headers, redirect: 'manual' });

  it('answers strangers with 401 in the form that they can read', async () => {
    for (const path of ['/api/mesh', '/api/stream', '/api/devices', '/api/history?device=a&metric=b', '/app.ts']) {
      const response = await get(path);
      expect([path, response.status, (await response.json()).code]).toEqual([path, 401, 'AUTH_REQUIRED']);
    }
    const page = await get('/', { accept: 'text/html' });
    expect(page.status).toBe(401);
    expect(await page.text()).toContain('name="password"');
    expect((await get('/health')).status).toBe(200);
  });

  it('forbids framing, sniffing and everything from elsewhere on every answer', async () => {
    for (const path of ['/', '/health', '/api/mesh', '/style.css', '/nowhere']) {
      const { headers } = await get(path, { authorization });
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
    }
  });

  it('opens a session for the token of the login link, and for no other', async () => {
    const wrong = await get(`/?token=${ACCESS_TOKEN}x`, { accept: 'text/html' });
    expect([wrong.status, wrong.headers.get('set-cookie')]).toEqual([401, null]);
    expect(await wrong.text()).toContain('name="password"');
    const right = await get(`/?token=${ACCESS_TOKEN}`);
    expect([right.status, right.headers.get('location')]).toEqual([303, '/']);
    const cookie = right.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; /);
    const pair = cookie.split(';')[0] as string;
    expect((await get('/api/mesh', { cookie: pair })).status).toBe(200);
    expect((await get('/api/mesh', { cookie: `${pair}x` })).status).toBe(401);
  });

  it('knows its sessions after a restart', async () => {
    const cookie = (await get(`/?token=${ACCESS_TOKEN}`)).headers.get('set-cookie')?.split(';')[0] as string;
    const second = await startTestConsole({ brokers: [broker], storeUrl: NOWHERE });
    expect((await fetch(`${second.url}/api/mesh`, { headers: { cookie } })).status).toBe(200);
    await second.stop();
  });

  it('takes the passwords of people and of the console, and of no device', async () => {
    const of = (role: 'device' | 'console', name: string) =>
      basicAuthHeader(name, derivedPassword(SITE_KEY, role, name));
    expect((await get('/api/mesh', { authorization })).status).toBe(200);
    expect((await get('/api/mesh', { authorization: of('console', 'console') })).status).toBe(200);
    const device = await get('/api/mesh', { authorization: of('device', 'sim-001') });
    expect([device.status, (await device.json()).code]).toEqual([401, 'AUTH_FAILED']);
    expect((await get('/api/mesh', { authorization })).status).toBe(200);
  });

  it('refuses a login that another page sends, and a host name that is not its own', async () => {
    expect((await post('/login', OPERATOR, { origin: 'http://evil.example' })).status).toBe(403);
    expect((await post('/login', OPERATOR, { origin: mesh.url })).status).toBe(303);
    // fetch sets Host itself, so a plain request it is.
    const status = await new Promise((resolve, reject) => {
      httpRequest(`${mesh.url}/health`, { headers: { host: 'evil.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });

  it('serves nothing but the page', async () => {
    for (const path of ['/../config.ts', '/%2e%2e/config.ts', '/config.ts', '/.git/config', '/login.html']) {
      expect([path, (await get(path, { authorization })).status]).toEqual([path, 404]);
    }
    const script = await get('/app.ts', { authorization });
    expect(script.headers.get('content-type')).toContain('text/javascript');
    expect(await script.text()).not.toContain('import type');
    const etag = script.headers.get('etag') as string;
    expect((await get('/app.ts', { authorization, 'if-none-match': etag })).status).toBe(304);
  });

  it('says which query does not fit, and that the store is away', async () => {
    for (const query of [
      'device=a%27--&metric=t',
      'device=a&metric=t%22',
      'device=a&metric=t&sinceMs=-1',
      'metric=t',
    ]) {
      const response = await get(`/api/history?${query}`, { authorization });
      expect([query, response.status]).toEqual([query, 400]);
    }
    const away = await get('/api/history?device=a&metric=t', { authorization });
    expect([away.status, (await away.json()).code]).toEqual([502, 'STORE_UNREACHABLE']);
  });

  it('streams first everything, then only what has changed', async () => {
    await eventually(async () => {
      const { overview, matched } = (await (await get('/api/mesh', { authorization })).json()) as MeshSnapshot;
      expect([overview.listeningTo, matched]).toEqual(['b1', 3]);
    });
    const response = await get('/api/stream?limit=2', { authorization });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const deltas = deltasOf(response.body as ReadableStream<Uint8Array>);
    const first = await deltas.next();
    expect(first.order).toEqual(['sim-001', 'sim-002']);
    expect([first.matched, first.rows?.length, first.overview?.site]).toEqual([3, 2, 'home']);
    await publishReading(broker, fleet[1] as (typeof fleet)[number], 1);
    let changed = await deltas.next();
    while (changed.rows === undefined) changed = await deltas.next();
    expect(changed.rows.map(({ id }) => id)).toEqual(['sim-002']);
    expect(changed.order).toBeUndefined();
    await deltas.cancel();
  });

  it('slows down guessing, but not for those who are in already', async () => {
    const cookie = (await get(`/?token=${ACCESS_TOKEN}`)).headers.get('set-cookie')?.split(';')[0] as string;
    for (let guess = 0; guess < 10; guess++) {
      expect((await post('/login', { username: OPERATOR.username, password: `guess-${guess}` })).status).toBe(401);
    }
    const refused = await post('/login', OPERATOR);
    expect([refused.status, (await refused.json()).code]).toEqual([429, 'AUTH_THROTTLED']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(20);
    expect((await get('/api/mesh', { authorization })).status).toBe(429);
    expect((await get('/api/mesh', { cookie })).status).toBe(200);
  });
});

/** Reads the deltas of an event stream one by one. */
function deltasOf(body: ReadableStream<Uint8Array>): { next(): Promise<MeshDelta>; cancel(): Promise<void> } {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffered = '';
  return {
    async next() {
      for (;;) {
        const match = /event: mesh\ndata: (.*)\n\n/.exec(buffered);
        if (match !== null) {
          buffered = buffered.slice(match.index + match[0].length);
          return JSON.parse(match[1] as string) as MeshDelta;
        }
        const { value, done } = await reader.read();
        if (done) throw new Error('The stream has ended.');
        buffered += decoder.decode(value, { stream: true });
      }
    },
    cancel: () => reader.cancel(),
  };
}

describe('what guards the console', () => {
  it('knows its hosts and origins', () => {
    for (const host of ['localhost:8080', '127.0.0.1', '[::1]:8080', 'LOCALHOST', 'mesh.lan:80']) {
      expect([host, isKnownHost(host, ['mesh.lan'])]).toEqual([host, true]);
    }
    for (const host of [undefined, '', 'evil.example', 'localhost.evil.example', '127.0.0.1@evil', 'a b']) {
      expect([host, isKnownHost(host, ['mesh.lan'])]).toEqual([host, false]);
    }
    expect(isSameOrigin(undefined, 'localhost:1')).toBe(true);
    expect(isSameOrigin('http://localhost:1', 'localhost:1')).toBe(true);
    expect(isSameOrigin('http://localhost:2', 'localhost:1')).toBe(false);
    expect(isSameOrigin('null', 'localhost:1')).toBe(false);
  });

  it('forgets sessions after twelve hours', () => {
    const clock = new VirtualClock();
    const sessions = new Sessions({ siteKey: SITE_KEY, clock });
    const cookie = sessions.open('ada').split(';')[0] as string;
    expect(sessions.usernameOf(`other=1; ${cookie}`)).toBe('ada');
    expect(new Sessions({ siteKey: 'another-site-key', clock }).usernameOf(cookie)).toBeUndefined();
    clock.advance(12 * 3_600_000);
    expect(sessions.usernameOf(cookie)).toBeUndefined();
  });
});
