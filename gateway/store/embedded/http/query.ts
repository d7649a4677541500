import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { executeStatement, isReadOnly, parseQuery, type StatementResult } from '../influxql/index.ts';
import type { StoreAppDeps } from './app.ts';
import { authenticate, mayDo } from './auth.ts';
import { messageFor, sendError, statusOf } from './errors.ts';
import { encodeResults } from './json.ts';
import { parametersOf, unitNs } from './parameters.ts';

/**
 * GET or POST /query?q=&db=&rp=&epoch=&pretty=: one or several statements of InfluxQL. A text that cannot be parsed is a
 * 400; a statement that fails has its error in its own result, as with influxd. `chunked` is accepted and the answer
 * comes in one piece.
 */
export function queryRoutes(app: FastifyInstance, deps: StoreAppDeps): void {
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const parameters = parametersOf(request, formOf(request));
    const identity = await authenticate(deps.authenticator, request, reply, parameters);
    if (identity === undefined) return reply;
    const text = parameters.get('q') ?? '';
    if (text.trim() === '') return sendError(reply, 400, 'missing required parameter "q"');
    const epoch = parameters.get('epoch') || undefined;
    const statements = parseQuery(text);
    if (!mayDo(identity, 'write') && !statements.every(isReadOnly)) {
      return sendError(reply, 403, `"${identity.username}" may only read`);
    }
    const results: StatementResult[] = [];
    for (const statement of statements) {
      try {
        results.push(
          await executeStatement(statement, {
            engine: deps.engine,
            database: parameters.get('db') || undefined,
            policy: parameters.get('rp') || undefined,
            nowNs: BigInt(Math.round(deps.clock.wallMs())) * NS_PER_MS,
            limits: deps.limits,
            pause: () => new Promise((resolve) => setImmediate(resolve)),
            monotonicMs: () => deps.clock.monotonicMs(),
          }),
        );
      } catch (error) {
        if (statusOf(error) >= 500) request.log.error({ err: error }, 'a statement failed');
        results.push({ error: messageFor(error) });
        // What follows may count on what failed, so influxd does not run it either.
        for (let left = results.length; left < statements.length; left++) results.push({ error: 'not executed' });
        break;
      }
    }
    const isPretty = parameters.get('pretty') === 'true';
    // influxd takes any unknown unit for ns.
    const epochUnitNs = epoch === undefined ? undefined : (unitNs(epoch) ?? 1n);
    return reply.type('application/json').send(encodeResults(results, { epochUnitNs, isPretty }));
  };
  app.get('/query', answer);
  app.post('/query', answer);
}

const NS_PER_MS = 1_000_000n;

function formOf(request: FastifyRequest): Buffer | undefined {
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
  return isForm && Buffer.isBuffer(request.body) ? request.body : undefined;
}
