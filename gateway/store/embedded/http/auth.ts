import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Authenticator, type Identity, parseBasicAuth, type Role } from '../../../../core/identity/index.ts';
import { sendError } from './errors.ts';

export type Right = 'read' | 'write';

const RIGHTS: Record<Role, readonly Right[]> = {
  operator: ['read', 'write'],
  gateway: ['read', 'write'],
  console: ['read'],
  reader: ['read'],
  device: [],
};

export function mayDo(identity: Identity, right: Right): boolean {
  return RIGHTS[identity.role].includes(right);
}

/**
 * Who sends the request, by HTTP Basic or by the parameters `u` and `p` (in the query string or in a form). Answers 401
 * and returns undefined when that is nobody who may use the store; 429 with Retry-After after too many wrong tries.
 */
export async function authenticate(
  authenticator: Authenticator,
  request: FastifyRequest,
  reply: FastifyReply,
  parameters: URLSearchParams,
): Promise<Identity | undefined> {
  const basic = parseBasicAuth(request.headers.authorization);
  const username = basic?.username ?? parameters.get('u');
  const password = basic?.password ?? parameters.get('p');
  if (username !== null && password !== null) {
    const result = await authenticator.login({ address: request.ip, username, password });
    if (result.outcome === 'known' && RIGHTS[result.identity.role].length > 0) return result.identity;
    if (result.outcome === 'throttled') {
      sendError(reply.header('retry-after', result.retryAfterS), 429, 'authorization failed: too many tries');
      return undefined;
    }
  }
  reply.header('www-authenticate', 'Basic realm="InfluxDB"');
  sendError(reply, 401, 'authorization failed');
  return undefined;
}
