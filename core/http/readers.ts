import type { FastifyInstance, FastifyReply } from 'fastify';
import { ERROR_CODES, type ErrorCode } from '../errors/index.ts';
import { type Authenticator, type Identity, parseBasicAuth, type Role } from '../identity/index.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose request it is; undefined on the open route. */
    identity: Identity | undefined;
  }
}

/** Who may read the state of a part: people, the console, and gateways. A device has no business there. */
const READERS: ReadonlySet<Role> = new Set(['operator', 'reader', 'console', 'gateway']);

/**
 * Makes every route but the open one want HTTP Basic: 401 without, or 429 with Retry-After when there were too many wrong
 * tries.
 */
export function letReadersIn(app: FastifyInstance, authenticator: Authenticator, openRoute: string): void {
  app.decorateRequest('identity', undefined);
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url === openRoute) return;
    const credentials = parseBasicAuth(request.headers.authorization);
    if (credentials === undefined) return refuse(reply, 401, 'AUTH_REQUIRED');
    const result = await authenticator.login({ address: request.ip, ...credentials });
    if (result.outcome === 'throttled') {
      return refuse(reply.header('retry-after', result.retryAfterS), 429, 'AUTH_THROTTLED');
    }
    if (result.outcome === 'wrong' || !READERS.has(result.identity.role)) return refuse(reply, 401, 'AUTH_FAILED');
    request.identity = result.identity;
    return undefined;
  });
}

function refuse(reply: FastifyReply, status: 401 | 429, code: ErrorCode): FastifyReply {
  if (status === 401) reply.header('www-authenticate', 'Basic realm="lattice"');
  return reply.code(status).send({ code, ...ERROR_CODES[code] });
}
