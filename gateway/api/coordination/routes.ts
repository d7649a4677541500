import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/errors/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import type { Agreement } from '../../agreement/index.ts';
import type { CallOptions, Coordinator } from '../../coordination/index.ts';
import { transactionSchema } from '../../coordination/state/index.ts';
import { checkedAppend, ledgerLines } from '../../ledger/index.ts';
import { answerErrors, checked } from './answers.ts';
import {
  callHeaders,
  compactBody,
  leaseBody,
  membersBody,
  readRequest,
  transferBody,
  watchRequest,
} from './requests.ts';
import { checkNotReserved } from './reserved.ts';
import { ndjson, watchLines } from './streams.ts';

/** Many times a key-value of the largest kind; a transaction of more is refused. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** Watches at once; whoever wants one more is sent to another gateway. */
const WATCHES_MAX = 256;

/** What the gateways agree on, for people and programs. Whoever may read the gateway may read it; operators alone change it. */
export function coordinationRoutes(agreement: Agreement | undefined, clock: Clock): FastifyPluginAsync {
  return async (scope) => {
    const closing = new AbortController();
    let watches = 0;

    answerErrors(scope);
    scope.addHook('preClose', async () => closing.abort());
    scope.addHook('onRequest', async ({ method, identity }) => {
      if (method === 'GET' || identity?.role === 'operator') return;
      throw new LatticeError('OPERATOR_REQUIRED', `${identity?.username} has the role ${identity?.role}.`);
    });
    if (agreement === undefined) {
      scope.all('/*', () => {
        throw new LatticeError('COORDINATION_UNAVAILABLE', 'This gateway takes no part in what the gateways agree on.');
      });
      return;
    }
    const { coordinator } = agreement;

    scope.get('/status', async () => {
      const [status, { compactedRevision }] = await Promise.all([agreement.status(), coordinator.status()]);
      return { ...status, ...(compactedRevision === undefined ? {} : { compactedRevision }) };
    });
    scope.get('/range', (request) => {
      const { range, options } = readRequest(request.query);
      return coordinator.range(range, { ...callHeaders(request.headers).options, ...options });
    });
    scope.post('/transaction', { bodyLimit: BODY_BYTES_MAX }, async (request) => {
      const transaction = checked(transactionSchema, request.body);
      checkNotReserved(transaction);
      return coordinator.transaction(transaction, await changeOptions(coordinator, request));
    });
    scope.post('/leases', async (request) => {
      const { ttlMs } = checked(leaseBody, request.body);
      return coordinator.grantLease(ttlMs, await changeOptions(coordinator, request));
    });
    scope.post<{ Params: { id: string } }>('/leases/:id/keepalive', async (request) =>
      coordinator.keepAlive(request.params.id, await changeOptions(coordinator, request)),
    );
    scope.delete<{ Params: { id: string } }>('/leases/:id', async (request) => {
      await coordinator.revokeLease(request.params.id, await changeOptions(coordinator, request));
      return {};
    });
    scope.post('/compact', async (request) => {
      const { revision } = checked(compactBody, request.body);
      await coordinator.compact(revision, await changeOptions(coordinator, request));
      return {};
    });
    scope.get('/watch', (request, reply) => {
      const wanted = watchRequest(request.query);
      if (watches >= WATCHES_MAX) {
        throw new LatticeError('COORDINATION_UNAVAILABLE', `This gateway serves ${WATCHES_MAX} watches already.`);
      }
      watches++;
      const gone = new AbortController();
      reply.raw.once('close', () => {
        watches--;
        gone.abort();
      });
      const signal = AbortSignal.any([gone.signal, closing.signal]);
      return sendLines(reply, watchLines(coordinator, wanted, clock, signal));
    });
    scope.get('/ledger', (_request, reply) => sendLines(reply, ledgerLines(coordinator)));
    scope.post('/ledger', { bodyLimit: BODY_BYTES_MAX }, async (request) => {
      const append = checkedAppend(checked(transactionSchema, request.body));
      return coordinator.transaction(append, await changeOptions(coordinator, request));
    });
    scope.post('/members', async (request) => {
      const { changes } = checked(membersBody, request.body);
      return { members: await agreement.changeMembers(changes, callHeaders(request.headers).options.timeoutMs) };
    });
    scope.post('/members/transfer', async (request) => {
      const { name } = checked(transferBody, request.body);
      await agreement.transferTo(name, callHeaders(request.headers).options.timeoutMs);
      return {};
    });
  };
}

function sendLines(reply: FastifyReply, values: AsyncIterable<unknown>): FastifyReply {
  return reply.type('application/x-ndjson').send(ndjson(values));
}

/** The options of a change. Throws COORDINATION_TIMEOUT when it is asked for again and might be made twice. */
async function changeOptions(coordinator: Coordinator, { headers }: FastifyRequest): Promise<CallOptions> {
  const { options, isRepeated } = callHeaders(headers);
  if (isRepeated && (await coordinator.status()).driver !== 'raft') {
    throw new LatticeError('COORDINATION_TIMEOUT', 'It may have been made already, and the store cannot tell.');
  }
  return options;
}
