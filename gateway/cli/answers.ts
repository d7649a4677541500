import { z } from 'zod';
import { ERROR_CODES, type ErrorCode, LatticeError, messageOf } from '../../core/errors/index.ts';

const errorSchema = z.object({ code: z.string(), what: z.string().optional(), detail: z.string().optional() });

/** What a gateway answered, as JSON; undefined for what is not there. Throws what the gateway says, else UNREACHABLE. */
export async function answerOf(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body;
  const { code = 'UNREACHABLE', detail, what } = errorSchema.safeParse(body).data ?? {};
  if (code === 'NOT_FOUND') return undefined;
  const known = Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'UNREACHABLE';
  throw new LatticeError(known, detail ?? what ?? `${response.url} answered ${response.status}.`);
}

/** No answer came: what was read was not, and what was changed may have been. */
export function lost(url: string, isChange: boolean, cause: unknown): LatticeError {
  const what = `${new URL(url).origin} has not answered: ${messageOf(cause)}.`;
  return new LatticeError(isChange ? 'COORDINATION_TIMEOUT' : 'UNREACHABLE', what, { cause });
}
