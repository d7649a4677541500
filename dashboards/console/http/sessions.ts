import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { derivedPassword, equalSecrets } from '../../../core/identity/index.ts';
import type { Clock } from '../../../core/time/index.ts';

const SESSION_MS = 12 * 3_600_000;

const sessionSchema = z.object({ username: z.string(), expiresMs: z.number() });

/**
 * Sessions that live in a signed cookie alone, so that a console that was killed and started again knows its people.
 * The key follows from the site's key.
 */
export class Sessions {
  readonly cookieName: string;
  readonly #key: string;
  readonly #clock: Clock;

  constructor(options: { siteKey: string; clock: Clock }) {
    this.#key = derivedPassword(options.siteKey, 'console', 'session-key');
    // Cookies know no ports: two meshes on one machine must not overwrite each other's.
    this.cookieName = `lattice_${derivedPassword(options.siteKey, 'console', 'cookie-name').slice(0, 8)}`;
    this.#clock = options.clock;
  }

  /** The Set-Cookie of a new session. */
  open(username: string): string {
    const expiresMs = this.#clock.wallMs() + SESSION_MS;
    const body = Buffer.from(JSON.stringify({ username, expiresMs })).toString('base64url');
    return this.#setCookie(`${body}.${this.#sign(body)}`, SESSION_MS / 1_000);
  }

  /** The Set-Cookie that ends a session. */
  close(): string {
    return this.#setCookie('', 0);
  }

  /** Who sent this Cookie header; undefined when nobody that we know. */
  usernameOf(cookieHeader: string | undefined): string | undefined {
    for (const part of (cookieHeader ?? '').split(';')) {
      const [name, value] = part.trim().split('=', 2);
      if (name !== this.cookieName || value === undefined) continue;
      const [body, mac] = value.split('.', 2);
      if (body === undefined || mac === undefined || !equalSecrets(mac, this.#sign(body))) continue;
      const session = sessionSchema.parse(JSON.parse(Buffer.from(body, 'base64url').toString('utf8')));
      if (session.expiresMs > this.#clock.wallMs()) return session.username;
    }
    return undefined;
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#key).update(body).digest('base64url');
  }

  #setCookie(value: string, maxAgeS: number): string {
    return `${this.cookieName}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeS}`;
  }
}
