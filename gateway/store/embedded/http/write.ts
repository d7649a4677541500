import type { FastifyInstance, FastifyRequest } from 'fastify';
import { FENCE_HEADER, type FencingToken, parseFence } from '../../../../core/wire/index.ts';
import type { WriteOutcome } from '../engine/index.ts';
import type { StoreAppDeps } from './app.ts';
import { authenticate, mayDo } from './auth.ts';
import { BodyError, unpack } from './body.ts';
import { sendError } from './errors.ts';
import { parametersOf, unitNs } from './parameters.ts';

/**
 * POST /write?db=&rp=&precision=: line protocol. 204 once everything is stored and synced; 400 when lines were refused,
 * after the others were stored. With the header X-Lattice-Fence (`scope:token`) 409, and nothing is stored, once a greater
 * token of that scope was seen; the greatest is as durable as the points that came with it.
 */
export function writeRoutes(app: FastifyInstance, deps: StoreAppDeps): void {
  const { engine, authenticator, limits } = deps;
  app.post('/write', async (request, reply) => {
    const parameters = parametersOf(request);
    const identity = await authenticate(authenticator, request, reply, parameters);
    if (identity === undefined) return reply;
    const name = parameters.get('db') ?? '';
    if (name === '') return sendError(reply, 400, 'database is required');
    if (!mayDo(identity, 'write')) {
      return sendError(reply, 403, `"${identity.username}" user is not authorized to write to database "${name}"`);
    }
    const precision = parameters.get('precision') || 'n';
    const stampUnitNs = unitNs(precision);
    if (stampUnitNs === undefined) {
      return sendError(reply, 400, `invalid precision "${precision}" (use n, u, ms, s, m or h)`);
    }
    const database = engine.database(name);
    if (database === undefined) return sendError(reply, 404, `database not found: "${name}"`);
    const policy = parameters.get('rp') || undefined;
    if (policy !== undefined && database.policy(policy) === undefined) {
      return sendError(reply, 400, `retention policy not found: ${policy}`);
    }
    const body = await unpack(
      (request.body ?? Buffer.alloc(0)) as Buffer,
      request.headers['content-encoding'],
      limits.bodyBytesMax,
    );
    const outcome = await engine.write({ database: name, policy, body, stampUnitNs, fence: fenceOf(request) });
    if (outcome.fencedBy !== undefined)
      return sendError(reply, 409, `a greater token was seen: ${outcome.fencedBy}`, 'FENCED');
    const refusal = refusalOf(outcome);
    return refusal === undefined ? reply.code(204).send() : sendError(reply, 400, refusal);
  });
}

function fenceOf(request: FastifyRequest): FencingToken | undefined {
  const header = request.headers[FENCE_HEADER];
  if (header === undefined) return undefined;
  const fence = parseFence(String(header));
  if (fence === undefined) throw new BodyError(400, `${FENCE_HEADER} is not scope:token`);
  return fence;
}

/** In influxd's words, which clients match: `partial write` means that the good points are stored. */
function refusalOf(outcome: WriteOutcome): string | undefined {
  if (outcome.dropped > 0) return `partial write: ${outcome.dropReason} dropped=${outcome.dropped}`;
  if (outcome.malformed.length === 0) return undefined;
  const lines = outcome.malformed.join('\n');
  return outcome.stored > 0 ? `partial write: ${lines} dropped=0` : lines;
}
