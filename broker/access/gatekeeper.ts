import { type ErrorCode, LatticeError } from '../../core/errors/index.ts';
import { type Account, Authenticator, type Identity } from '../../core/identity/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { LoginThrottle } from './login-throttle.ts';

/** CONNACK return codes of MQTT 3.1.1, table 3.1. */
const CONNACK_CODES: Partial<Record<ErrorCode, 2 | 3 | 4 | 5>> = {
  CLIENT_ID_TAKEN: 2,
  SESSIONS_EXHAUSTED: 3,
  DISK_FULL: 3,
  DISK_FAILED: 3,
  LOG_FULL: 3,
  AUTH_FAILED: 4,
};

/** The return code for an error; 5 (not authorized) when it has none of its own. */
export function connackCodeOf(error: LatticeError): 2 | 3 | 4 | 5 {
  return CONNACK_CODES[error.code] ?? 5;
}

export interface Login {
  address: string;
  username: string | undefined;
  password: Buffer | undefined;
}

/** Finds out who a client is. Throws AUTH_REQUIRED, AUTH_FAILED or AUTH_THROTTLED. */
export class Gatekeeper {
  readonly #authenticator: Authenticator;
  readonly #people: ReadonlySet<string>;
  readonly #throttle: LoginThrottle;

  constructor(options: { accounts: readonly Account[]; siteKey: string; clock: Clock }) {
    this.#authenticator = new Authenticator(options);
    this.#people = new Set(options.accounts.map((account) => account.username));
    this.#throttle = new LoginThrottle(options.clock);
  }

  async identify({ address, username, password }: Login): Promise<Identity> {
    if (username === undefined || username === '' || password === undefined) {
      throw new LatticeError('AUTH_REQUIRED', `A client at ${address} gave no user name or no password.`);
    }
    const account = this.#people.has(username) ? username : '';
    // The passwords of machines cannot be guessed and cost next to nothing to check, so only people are made to wait.
    if (account !== '' && this.#throttle.isThrottled(address, account)) {
      throw new LatticeError('AUTH_THROTTLED', `Too many failed logins as "${username}" from ${address}.`);
    }
    const identity = await this.#authenticator.verify(username, password.toString('utf8'));
    if (identity !== undefined) return identity;
    const throttled = this.#throttle.isThrottled(address, account);
    this.#throttle.failed(address, account);
    if (throttled) throw new LatticeError('AUTH_THROTTLED', `Too many failed logins from ${address}.`);
    throw new LatticeError('AUTH_FAILED', `Wrong user name or password for "${username}" from ${address}.`);
  }
}
