import type { FastifyPluginAsync } from 'fastify';
import { type ClockStatus, type TimeTarget, timeTargetSchema } from '../../core/wire/index.ts';
import { answerErrors, checked } from './coordination/index.ts';
import { requireOperator } from './require-operator.ts';

/** What the routes need of a gateway's clock. */
export interface TimeService {
  status(): ClockStatus;
  /**
   * Steps the time of the mesh, which may go backwards by it; resolves with how the clock goes then. Rejects with TIME_NOT_MASTER, whose
   * detail names the master where there is one, and TIME_NO_REFERENCE.
   */
  set(to: TimeTarget): Promise<ClockStatus>;
}

/** GET tells how the clock of this gateway goes; POST set (operators alone, at the master alone) sets the time of the mesh. */
export function timeRoutes(time: TimeService | undefined): FastifyPluginAsync {
  return async (scope) => {
    answerErrors(scope);
    if (time === undefined) {
      const none = { code: 'NOT_FOUND', what: 'This gateway takes no part in the time of the mesh.' };
      scope.get('', (_request, reply) => reply.code(404).send(none));
      scope.post('/set', (_request, reply) => reply.code(404).send(none));
      return;
    }
    scope.get('', () => time.status());
    scope.post('/set', (request) => {
      requireOperator(request);
      return time.set(checked(timeTargetSchema, request.body).to);
    });
  };
}
