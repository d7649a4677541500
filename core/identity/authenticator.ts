import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../time/index.ts';
import type { Account, Identity } from './accounts.ts';
import { LoginThrottle, networkOf } from './login-throttle.ts';
import { derivedPassword, equalSecrets, unmatchableHash, verifyPassword } from './passwords.ts';
import { WorkLine } from './work-line.ts';

/** What a client gave, and the address that it comes from. */
export interface Login {
  address: string;
  username: string;
  password: string;
}

export type LoginResult =
  | { outcome: 'known'; identity: Identity }
  | { outcome: 'wrong' }
  /** The password was not looked at; the same login may be tried again after retryAfterS. */
  | { outcome: 'throttled'; retryAfterS: number };

const MACHINE_ROLES = ['device', 'gateway', 'console'] as const;
const VERIFIED_MAX = 1_000;
const UNDER_WAY_PER_NETWORK_MAX = 8;
const RETRY_MS_WHEN_FULL = 1_000;

/** Every scrypt of the process goes through here: it runs on the same few threads of libuv that sync the disk. */
const scryptLine = new WorkLine({ atOnceMax: 1, waitingMax: 16 });

/**
 * Checks user names and passwords of people (scrypt) and of machines (derived from the site key).
 *
 * A machine's right password is always let in: it cannot be guessed, it is cheap to check, and a thousand devices come
 * back at once. Everything else is a try of a person's password. It is throttled by name and address and waits for its
 * turn to be computed; a name without an account costs the same, so that the time tells nothing about the names.
 */
export class Authenticator {
  readonly #accounts: ReadonlyMap<string, Account>;
  readonly #siteKey: string;
  readonly #throttle: LoginThrottle;
  readonly #hashOfNobody = unmatchableHash();
  readonly #macKey = randomBytes(32);
  /** Successful logins of people by a MAC of what they typed, since scrypt costs 50 ms and HTTP sends it each time. */
  readonly #verified = new Map<string, Identity>();
  /** Tries that are computed, by the same MAC: a page that opens ten connections at once costs one. */
  readonly #underWay = new Map<string, { network: string; result: Promise<LoginResult> }>();

  constructor(options: { accounts: readonly Account[]; siteKey: string; clock: Clock }) {
    this.#accounts = new Map(options.accounts.map((account) => [account.username, account]));
    this.#siteKey = options.siteKey;
    this.#throttle = new LoginThrottle(options.clock);
  }

  /** Whose credentials these are. */
  async login(login: Login): Promise<LoginResult> {
    const { address, username, password } = login;
    const machine = this.#machine(username, password);
    if (machine !== undefined && !this.#accounts.has(username)) return { outcome: 'known', identity: machine };
    const waitMs = this.#throttle.waitMs(address, username);
    if (waitMs > 0) return throttled(waitMs);
    const mac = createHmac('sha256', this.#macKey).update(`${username}\0${password}`).digest('base64');
    const verified = this.#verified.get(mac);
    if (verified !== undefined) return { outcome: 'known', identity: verified };
    return this.#underWay.get(mac)?.result ?? this.#compute(login, mac);
  }

  #machine(username: string, password: string): Identity | undefined {
    const role = MACHINE_ROLES.find((it) => equalSecrets(password, derivedPassword(this.#siteKey, it, username)));
    return role && { username, role };
  }

  #compute({ address, username, password }: Login, mac: string): Promise<LoginResult> | LoginResult {
    const network = networkOf(address);
    const ofNetwork = [...this.#underWay.values()].filter((it) => it.network === network).length;
    if (ofNetwork >= UNDER_WAY_PER_NETWORK_MAX) return throttled(RETRY_MS_WHEN_FULL);
    const account = this.#accounts.get(username);
    const fits = scryptLine.enter(() => verifyPassword(password, account?.passwordHash ?? this.#hashOfNobody));
    if (fits === undefined) return throttled(RETRY_MS_WHEN_FULL);
    const takeBack = this.#throttle.tried(address, username);
    const conclude = async (): Promise<LoginResult> => {
      try {
        if (!(await fits) || account === undefined) return { outcome: 'wrong' };
        takeBack();
        const identity: Identity = { username, role: account.role };
        if (this.#verified.size >= VERIFIED_MAX) this.#verified.clear();
        this.#verified.set(mac, identity);
        return { outcome: 'known', identity };
      } finally {
        this.#underWay.delete(mac);
      }
    };
    const result = conclude();
    this.#underWay.set(mac, { network, result });
    return result;
  }
}

function throttled(waitMs: number): LoginResult {
  return { outcome: 'throttled', retryAfterS: Math.max(1, Math.ceil(waitMs / 1_000)) };
}
