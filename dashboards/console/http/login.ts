import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/errors/index.ts';
import { type Authenticator, equalSecrets, parseBasicAuth } from '../../../core/identity/index.ts';
import type { Sessions } from './sessions.ts';
import type { LoginThrottle } from './throttle.ts';

/** Devices and gateways have accounts too, but no business here. */
const ROLES: readonly string[] = ['operator', 'reader', 'console'];

/** Who may see the mesh: a session's cookie, the token of the login link, or a user name and a password. */
export class Login {
  readonly #options: {
    authenticator: Authenticator;
    sessions: Sessions;
    throttle: LoginThrottle;
    accessToken: string;
  };

  constructor(options: {
    authenticator: Authenticator;
    sessions: Sessions;
    throttle: LoginThrottle;
    accessToken: string;
  }) {
    this.#options = options;
  }

  /** The user name behind a request; undefined when it has neither a session nor HTTP Basic. Throws as withPassword does. */
  async usernameOf(request: FastifyRequest): Promise<string | undefined> {
    const session = this.#options.sessions.usernameOf(request.headers.cookie);
    if (session !== undefined) return session;
    const basic = parseBasicAuth(request.headers.authorization);
    return basic === undefined ? undefined : this.withPassword(request.ip, basic.username, basic.password);
  }

  /** Checks a user name and a password and returns the name. Throws AUTH_FAILED or AUTH_THROTTLED. */
  async withPassword(address: string, username: string, password: string): Promise<string> {
    const { authenticator, throttle } = this.#options;
    const waitMs = throttle.waitMs(address);
    if (waitMs > 0) {
      throw new LatticeError('AUTH_THROTTLED', `Too many failed logins; wait ${Math.ceil(waitMs / 1_000)} s.`);
    }
    const identity = await authenticator.verify(username, password);
    if (identity === undefined || !ROLES.includes(identity.role)) {
      throttle.failed(address);
      throw new LatticeError('AUTH_FAILED', 'The user name or the password is wrong.');
    }
    throttle.succeeded(address);
    return identity.username;
  }

  /** Whether this is the token of the login link. It has 128 bits, so guessing it needs no throttle. */
  isToken(token: string): boolean {
    return equalSecrets(token, this.#options.accessToken);
  }
}
