import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import { codeOf, type ErrorCode, LatticeError, messageOf } from '../../../core/errors/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import { isMeshName, isMetricName } from '../../../core/wire/index.ts';
import { bucketMsOf, type StoreReader } from '../feed/store.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { ApiFault, History, MeshSnapshot } from '../model/types.ts';
import { type Asset, inlineScriptHashes, loadAssets } from './assets.ts';
import { type Login, LoginThrottled } from './login.ts';
import { isKnownHost, isSameOrigin } from './origin.ts';
import type { Sessions } from './sessions.ts';
import { StreamHub } from './stream.ts';

const BODY_BYTES_MAX = 4 * 1024;
const ROWS_MAX = 1_000;
const ROWS_DEFAULT = 200;
const HISTORY_MS_MAX = 31 * 24 * 3_600_000;

/** What the login page itself needs, and what a supervisor asks. */
const OPEN_PATHS: readonly string[] = ['/health', '/login', '/style.css', '/icon.svg'];

const listQuery = z.object({
  query: z.string().max(100).default(''),
  show: z.enum(['all', 'online', 'silent', 'offline']).default('all'),
  limit: z.coerce.number().int().min(1).max(ROWS_MAX).default(ROWS_DEFAULT),
});
const deviceName = z.string().refine(isMeshName, 'not the name of a device');
const streamQuery = listQuery.extend({ device: deviceName.optional() });
const historyQuery = z.object({
  device: deviceName,
  metric: z.string().refine(isMetricName, 'not the name of a metric'),
  sinceMs: z.coerce.number().int().min(1_000).max(HISTORY_MS_MAX).default(900_000),
  points: z.coerce.number().int().min(10).max(2_000).default(300),
});
const loginForm = z.object({ username: z.string().max(64), password: z.string().max(256) });

const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  AUTH_REQUIRED: 401,
  AUTH_FAILED: 401,
  AUTH_THROTTLED: 429,
  REFUSED_FOR_SAFETY: 403,
  CONNECTIONS_EXHAUSTED: 503,
  USAGE: 400,
  UNREACHABLE: 404,
  STORE_UNREACHABLE: 502,
  STORE_AUTH: 502,
  QUERY_SYNTAX: 502,
};

export interface ConsoleServerOptions {
  site: string;
  /** Host names besides localhost under which people come. */
  names: readonly string[];
  model: MeshModel;
  store: StoreReader;
  login: Login;
  sessions: Sessions;
  clock: Clock;
  log: Logger;
}

/** The console's HTTP server, not yet listening. */
export function consoleServer(options: ConsoleServerOptions): { app: FastifyInstance; streams: StreamHub } {
  const { model, login, sessions, clock, log } = options;
  const assets = loadAssets();
  const headers = securityHeaders(assets);
  const streams = new StreamHub(model, clock);
  // Requests are not logged: the address of the login link holds its token.
  const app = Fastify({ logger: false, bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true });
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))));
  });

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(headers);
    if (!isKnownHost(request.headers.host, options.names)) {
      throw new LatticeError('REFUSED_FOR_SAFETY', 'The Host header names no host of this console (listen.names).');
    }
    if (request.method === 'POST' && !isSameOrigin(request.headers.origin, request.headers.host)) {
      throw new LatticeError('REFUSED_FOR_SAFETY', 'The request comes from a page of another origin.');
    }
    if (OPEN_PATHS.includes(pathOf(request))) return;
    const token = z.object({ token: z.string() }).safeParse(request.query);
    if (pathOf(request) === '/' && token.success) {
      if (!login.isToken(token.data.token)) {
        throw new LatticeError('AUTH_FAILED', 'This login link is not, or no longer, valid.');
      }
      return reply.header('set-cookie', sessions.open('login link')).redirect('/', 303);
    }
    if ((await login.usernameOf(request)) === undefined) throw new LatticeError('AUTH_REQUIRED', 'Log in first.');
    return undefined;
  });

  app.setErrorHandler((error, request, reply) => {
    const fault = faultOf(error);
    if (fault.status >= 500)
      log.warn({ path: pathOf(request), code: fault.code, err: messageOf(error) }, 'request failed');
    reply.code(fault.status);
    if (error instanceof LoginThrottled) reply.header('retry-after', error.retryAfterS);
    const wantsPage = !pathOf(request).startsWith('/api/') && [401, 429].includes(fault.status);
    if (wantsPage && (request.headers.accept ?? '').includes('text/html')) {
      return sendHtml(reply, loginPage(assets, options.site, fault.code === 'AUTH_REQUIRED' ? '' : fault.message));
    }
    const { code, message, remedy } = fault;
    return reply.send({ code, message, remedy } satisfies ApiFault);
  });
  app.setNotFoundHandler(() => {
    throw new LatticeError('UNREACHABLE', 'There is nothing at this address.');
  });

  app.get('/health', async () => ({ status: 'ok' }));
  app.get('/login', async (_request, reply) => sendHtml(reply, loginPage(assets, options.site, '')));
  app.post('/login', async (request, reply) => {
    const form = checked(loginForm, request.body);
    const username = await login.withPassword(request.ip, form.username, form.password);
    return reply.header('set-cookie', sessions.open(username)).redirect('/', 303);
  });
  app.post('/logout', async (_request, reply) => reply.header('set-cookie', sessions.close()).redirect('/login', 303));
  app.get('/', async (_request, reply) => sendHtml(reply, (assets.get('/index.html') as Asset).body));
  for (const [path, asset] of assets) {
    if (!path.endsWith('.html')) app.get(path, async (request, reply) => sendAsset(request, reply, asset));
  }

  app.get('/api/mesh', async (request): Promise<MeshSnapshot> => {
    const now = instantOf(clock);
    const list = model.devices.list(checked(listQuery, request.query), now);
    return { atMs: now.wallMs, overview: model.overview(now), ...list };
  });
  app.get('/api/devices', async (request) => model.devices.list(checked(listQuery, request.query), instantOf(clock)));
  app.get('/api/history', async (request): Promise<History> => {
    const { device, metric, sinceMs, points } = checked(historyQuery, request.query);
    const toMs = clock.wallMs();
    const bucketMs = bucketMsOf(sinceMs, points);
    const rows = await options.store.history({
      site: options.site,
      device,
      metric,
      fromMs: toMs - sinceMs,
      toMs,
      bucketMs,
    });
    return { device, metric, bucketMs, points: rows };
  });
  app.get('/api/stream', async (request, reply) => {
    const { device, ...view } = checked(streamQuery, request.query);
    if (streams.isFull) throw new LatticeError('CONNECTIONS_EXHAUSTED', 'Too many pages are open.');
    reply.hijack();
    streams.open(reply.raw, { ...view, device }, headers);
  });
  return { app, streams };
}

function instantOf(clock: Clock): { wallMs: number; monotonicMs: number } {
  return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
}

function checked<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`);
  throw new LatticeError('USAGE', `${faults.join('; ')}.`);
}

function faultOf(error: unknown): ApiFault & { status: number } {
  if (error instanceof LatticeError) {
    return {
      status: STATUS_OF[error.code] ?? 500,
      code: error.code,
      message: error.message,
      remedy: error.remedy,
    };
  }
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : 500;
  const code = status < 500 ? 'USAGE' : codeOf(error);
  const fault = new LatticeError(code, status < 500 ? messageOf(error) : 'The console failed; its log says why.');
  return { status, code, message: fault.message, remedy: fault.remedy };
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] as string;
}

function sendHtml(reply: FastifyReply, html: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(html);
}

function sendAsset(request: FastifyRequest, reply: FastifyReply, asset: Asset): FastifyReply {
  reply.header('cache-control', 'no-cache').header('etag', asset.etag);
  if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
  return reply.type(asset.contentType).send(asset.body);
}

function loginPage(assets: ReadonlyMap<string, Asset>, site: string, message: string): string {
  const html = (assets.get('/login.html') as Asset).body;
  const filled: Record<string, string> = { SITE: site, MESSAGE: message };
  return html.replace(/\{\{(SITE|MESSAGE)\}\}/g, (_, key: string) => escapeHtml(filled[key] ?? ''));
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Nothing from elsewhere, nothing inline but the import map, no frames. OWASP Secure Headers Project. */
function securityHeaders(assets: ReadonlyMap<string, Asset>): Record<string, string> {
  const hashes = inlineScriptHashes((assets.get('/index.html') as Asset).body).join(' ');
  const policy = [
    "default-src 'none'",
    `script-src 'self' ${hashes}`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // With no-referrer browsers send `Origin: null`, and the login form could not be told from a foreign one.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}
