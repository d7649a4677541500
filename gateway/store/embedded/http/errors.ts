import type { FastifyReply } from 'fastify';
import { codeOf, type ErrorCode, LatticeError, messageOf } from '../../../../core/errors/index.ts';

/** An answer in InfluxDB's form: the text is in the body and in a header. The code is for what InfluxDB does not know. */
export function sendError(reply: FastifyReply, status: number, message: string, code?: ErrorCode): FastifyReply {
  return reply
    .code(status)
    .header('x-influxdb-error', headerText(message))
    .type('application/json')
    .send(`${JSON.stringify({ error: message, code })}\n`);
}

/** The status of an error that was thrown while a request was served. */
export function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number') return status;
  switch (codeOf(error)) {
    case 'QUERY_SYNTAX':
    case 'QUERY_UNSUPPORTED':
    case 'QUERY_LIMIT':
      return 400;
    case 'STORE_NOT_FOUND':
      return 404;
    case 'STORE_BUSY':
    case 'LOG_CLOSED':
      return 503;
    default:
      return 500;
  }
}

/** What a client is told: our own errors are written for it, others stay in the log. */
export function messageFor(error: unknown): string {
  if (error instanceof LatticeError || statusOf(error) < 500) return messageOf(error);
  return 'internal error';
}

const HEADER_LENGTH_MAX = 1_000;

function headerText(message: string): string {
  return message.replace(/[^\x20-\x7e]/g, ' ').slice(0, HEADER_LENGTH_MAX);
}
