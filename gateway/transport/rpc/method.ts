import type { z } from 'zod';

/** A procedure that gateways call of each other: its name, and the schemas that both ends check with. */
export interface Method<Request extends z.ZodType = z.ZodType, Reply extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly request: Request;
  readonly reply: Reply;
}

/** Requests and replies travel as JSON. Names are of at most 128 characters. */
export function defineMethod<Request extends z.ZodType, Reply extends z.ZodType>(
  method: Method<Request, Reply>,
): Method<Request, Reply> {
  return method;
}
