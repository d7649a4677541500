import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/errors/index.ts';
import { type Authenticator, equalSecrets, parseBasicAuth } from '../../../core/identity/index.ts';
import type { Sessions } from './sessions.ts';

/** Devices and gateways have accounts too, but no business here. */
const ROLES: readonly string[] = ['operator', 'reader', 'console'];

/** AUTH_THROTTLED, and how long to wait. */
export class LoginThrottled extends LatticeError {
  readonly retryAfterS: number;

  constructor(retryAfterS: number) {
    super('AUTH_THROTTLED', `Too many failed logins; wait ${retryAfterS} s.`);
    this.retryAfterS = retryAfterS;
  }
}

/** Who may see the mesh: a session's cookie, the token of the login link, or a user name and a password. */
export class Login {
  readonly #options: { authenticator: Authenticator; sessions: Sessions; accessToken: string };

  constructor(options: { authenticator: Authenticator; sessions: Sessions; accessToken: string }) {
    this.#options = options;
  }

  /** The user name behind a request; undefined when it has neither a session nor HTTP Basic. Throws as withPassword does. */
  async usernameOf(request: FastifyRequest): Promise<string | undefined> {
    const session = this.#options.sessions.usernameOf(request.headers.cookie);
    if (session !== undefined) return session;
    const basic = parseBasicAuth(request.headers.authorization);
    return basic === undefined ? undefined : this.withPassword(request.ip, basic.username, basic.password);
  }

  /** Checks a user name and a password and returns the name. Throws AUTH_FAILED or LoginThrottled. */
  async withPassword(address: string, username: string, password: string): Promise<string> {
    const result = await this.#options.authenticator.login({ address, username, password });
    if (result.outcome === 'throttled') throw new LoginThrottled(result.retryAfterS);
    if (result.outcome === 'wrong' || !ROLES.includes(result.identity.role)) {
      throw new LatticeError('AUTH_FAILED', 'The user name or the password is wrong.');
    }
    return result.identity.username;
  }

  /** Whether this is the token of the login link. It has 128 bits, so guessing it needs no throttle. */
  isToken(token: string): boolean {
    return equalSecrets(token, this.#options.accessToken);
  }
}
