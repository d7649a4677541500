import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { codeOf, ERROR_CODES, type ErrorCode, LatticeError, messageOf } from '../../core/errors/index.ts';
import { isMeshName } from '../../core/wire/index.ts';
import type { Sites } from '../sites/index.ts';
import { requireOperator } from './require-operator.ts';

/** What the routes need of the sites. */
export type Fleet = Pick<Sites, 'rollOut' | 'desired' | 'status'>;

/** Devices that one change names at most; all sites together. */
const DEVICES_MAX = 60;

const meshName = z.string().refine(isMeshName, '1 to 64 letters, digits, dots, dashes or underscores');
const settingsSchema = z
  .record(z.string().min(1).max(128), z.json())
  .refine((settings) => Object.keys(settings).length > 0, 'names no setting');
const changesSchema = z.strictObject({
  changes: z
    .array(z.strictObject({ site: meshName, device: meshName, settings: settingsSchema }))
    .min(1)
    .max(DEVICES_MAX),
});
const deviceSchema = z.strictObject({ site: meshName, device: meshName });

const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  COORDINATION_REJECTED: 400,
  OPERATOR_REQUIRED: 403,
  TRANSACTION_ABORTED: 409,
  COORDINATION_UNAVAILABLE: 503,
  TRANSACTION_IN_DOUBT: 503,
  COORDINATION_TIMEOUT: 504,
};

/**
 * What devices are to do, over several sites: POST changes (operators alone; for all of the devices or for none), GET
 * desired/:site/:device, GET status. A null takes a setting away.
 */
export function fleetRoutes(fleet: Fleet): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.setErrorHandler((error, _request, reply) => answerError(reply, error));
    app.post('/changes', async (request) => {
      requireOperator(request);
      const { changes } = parsed(changesSchema, request.body);
      return fleet.rollOut(changes);
    });
    app.get('/desired/:site/:device', async (request, reply) => {
      const { site, device } = parsed(deviceSchema, request.params);
      const desired = await fleet.desired(site, device);
      return desired ?? reply.code(404).send({ code: 'NOT_FOUND', what: `Nothing is desired of ${site}/${device}.` });
    });
    app.get('/status', () => fleet.status());
  };
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new LatticeError('COORDINATION_REJECTED', `The request does not fit: ${z.prettifyError(result.error)}`);
}

function answerError(reply: FastifyReply, error: unknown): FastifyReply {
  // A body that is no JSON, or too large, is a fault of the request that the framework has found.
  const statusCode = (error as { statusCode?: unknown }).statusCode;
  const isOfRequest = !(error instanceof LatticeError) && typeof statusCode === 'number' && statusCode < 500;
  const code = isOfRequest ? 'COORDINATION_REJECTED' : codeOf(error);
  const status = isOfRequest ? statusCode : (STATUS_OF[code] ?? 500);
  return reply.code(status).send({ code, ...ERROR_CODES[code], detail: messageOf(error) });
}
