import { type ErrorCode, errnoOf, LatticeError, messageOf } from '../errors/index.ts';
import { basicAuthHeader } from '../identity/index.ts';

export interface FetchOptions {
  username: string;
  password: string;
  /** For the answer's head and its body together. */
  timeoutMs: number;
  /** The code of the error when there is no JSON within the time. */
  code: ErrorCode;
}

/** GET with basic authentication: the status code, and the body as JSON. Throws the given code with the reason in words. */
export async function fetchJson(
  url: string,
  { username, password, timeoutMs, code }: FetchOptions,
): Promise<{ status: number; body: unknown }> {
  let status: number | undefined;
  try {
    const response = await fetch(url, {
      headers: { authorization: basicAuthHeader(username, password) },
      signal: AbortSignal.timeout(Math.ceil(timeoutMs)),
    });
    status = response.status;
    return { status, body: await response.json() };
  } catch (cause) {
    const base = new URL(url).origin;
    const reason = cause instanceof SyntaxError ? `it answered ${status} without JSON` : reasonOf(cause);
    throw new LatticeError(code, `${base}: ${reason}.`, { cause });
  }
}

/** fetch says no more than "fetch failed"; why is in the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {};
  return cause === undefined ? messageOf(error) : messageOf(cause) || (errnoOf(cause) ?? messageOf(error));
}
