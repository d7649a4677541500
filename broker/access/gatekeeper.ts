import { type ErrorCode, LatticeError } from '../../core/errors/index.ts';
import { type Account, Authenticator, type Identity } from '../../core/identity/index.ts';
import type { Clock } from '../../core/time/index.ts';

/** CONNACK return codes of MQTT 3.1.1, table 3.1. */
const CONNACK_CODES: Partial<Record<ErrorCode, 2 | 3 | 4 | 5>> = {
  CLIENT_ID_TAKEN: 2,
  SESSIONS_EXHAUSTED: 3,
  BROKER_DRAINING: 3,
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

  constructor(options: { accounts: readonly Account[]; siteKey: string; clock: Clock }) {
    this.#authenticator = new Authenticator(options);
  }

  async identify({ address, username, password }: Login): Promise<Identity> {
    if (username === undefined || username === '' || password === undefined) {
      throw new LatticeError('AUTH_REQUIRED', `A client at ${address} gave no user name or no password.`);
    }
    const login = { address, username, password: password.toString('utf8') };
    const result = await this.#authenticator.login(login);
    switch (result.outcome) {
      case 'known':
        return result.identity;
      case 'throttled':
        throw new LatticeError('AUTH_THROTTLED', `Too many tries to log in as "${username}" from ${address}.`);
      case 'wrong':
        throw new LatticeError('AUTH_FAILED', `Wrong user name or password for "${username}" from ${address}.`);
    }
  }
}
