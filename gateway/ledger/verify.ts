import { z } from 'zod';
import { LatticeError, messageOf } from '../../core/errors/index.ts';
import { canonicalJson, type Json } from './canonical-json.ts';
import {
  ADD_AUTHOR,
  authorDetailsSchema,
  entrySchema,
  GENESIS,
  hasGoodSignature,
  hashOf,
  type LedgerEntry,
  NO_HASH,
  REVOKE_AUTHOR,
  revocationDetailsSchema,
} from './entry.ts';

export type BadReason =
  /** No entry of a ledger, or not written as one. */
  | 'form'
  /** An entry that comes again, or too early. */
  | 'order'
  /** Entries before it are missing. */
  | 'gap'
  /** Its content, or what it says of the entry before, is not what was hashed. */
  | 'hash'
  | 'unknown-author'
  | 'revoked-author'
  | 'signature'
  /** The first entry does not introduce the key that is trusted. */
  | 'genesis'
  /** Entries at the end are missing, or it is another ledger: the last hash is not the one that was given. */
  | 'head';

export type Verdict =
  | { ok: true; count: number; headHash: string }
  /** `count` good entries stand before the bad one, whose place that is: 1 is the first. */
  | { ok: false; count: number; bad: { place: number; reason: BadReason; detail: string } };

export interface Trust {
  /** The public key of the author of the first entry, in hexadecimal. */
  rootKey: string;
  /** The hash of the newest entry, when it is known from elsewhere; without it a ledger that was cut short looks whole. */
  headHash?: string;
}

/** Checks a ledger entry by entry. Stops at the first bad one, since nothing can be said of those that follow. */
export class LedgerVerifier {
  readonly #trust: Trust;
  readonly #keys = new Map<string, string>();
  readonly #revoked = new Set<string>();
  #count = 0;
  #headHash = NO_HASH;
  #bad: { place: number; reason: BadReason; detail: string } | undefined;

  constructor(trust: Trust) {
    this.#trust = trust;
  }

  /** Whether the ledger is good so far. */
  add(candidate: unknown): boolean {
    if (this.#bad !== undefined) return false;
    const parsed = entrySchema.safeParse(candidate);
    if (!parsed.success) return this.fail('form', z.prettifyError(parsed.error));
    const entry = parsed.data;
    const bad = this.#judge(entry);
    if (bad !== undefined) return this.fail(bad.reason, bad.detail);
    this.#count++;
    this.#headHash = entry.hash;
    this.#learn(entry);
    return true;
  }

  /** One line of an exported ledger, without its end. It must be written as the export writes it, to the byte. */
  addLine(line: string): boolean {
    if (this.#bad !== undefined) return false;
    try {
      const candidate = JSON.parse(line) as Json;
      if (canonicalJson(candidate) !== line)
        return this.fail('form', 'the line is not written as the export writes it');
      return this.add(candidate);
    } catch (error) {
      return this.fail('form', messageOf(error));
    }
  }

  /** Notes what comes next as bad; false. */
  fail(reason: BadReason, detail: string): false {
    this.#bad ??= { place: this.#count + 1, reason, detail };
    return false;
  }

  verdict(): Verdict {
    const { headHash } = this.#trust;
    if (this.#bad === undefined && this.#count === 0) this.fail('genesis', 'the ledger is empty');
    if (this.#bad === undefined && headHash !== undefined && headHash !== this.#headHash) {
      this.fail('head', `the last entry is ${this.#headHash}, and should be ${headHash}`);
    }
    if (this.#bad !== undefined) return { ok: false, count: this.#count, bad: this.#bad };
    return { ok: true, count: this.#count, headHash: this.#headHash };
  }

  #judge(entry: LedgerEntry): { reason: BadReason; detail: string } | undefined {
    const { sequence, author, previousHash, hash } = entry;
    const expected = this.#count + 1;
    if (sequence < expected) return { reason: 'order', detail: `sequence ${sequence} where ${expected} should be` };
    if (sequence > expected) return { reason: 'gap', detail: `sequence ${sequence} where ${expected} should be` };
    if (previousHash !== this.#headHash) return { reason: 'hash', detail: 'it does not follow from the entry before' };
    if (hashOf(entry) !== hash) return { reason: 'hash', detail: 'its content is not what was hashed' };
    if (this.#revoked.has(author)) return { reason: 'revoked-author', detail: `${author} had been revoked` };
    if ((expected === 1) !== (entry.act === GENESIS)) {
      return { reason: 'genesis', detail: `a ledger begins with ${GENESIS}, once` };
    }
    const key = expected === 1 ? this.#trust.rootKey : this.#keys.get(author);
    if (key === undefined) return { reason: 'unknown-author', detail: `${author} was never introduced` };
    if (!hasGoodSignature(entry, key)) return { reason: 'signature', detail: `${author} has not signed this` };
    return this.#judgeAuthors(entry);
  }

  #judgeAuthors({ act, author, details }: LedgerEntry): { reason: BadReason; detail: string } | undefined {
    if (act === GENESIS || act === ADD_AUTHOR) {
      const introduced = authorDetailsSchema.safeParse(details);
      if (!introduced.success) return { reason: 'form', detail: 'it introduces an author without name or key' };
      const isRoot = introduced.data.author === author && introduced.data.publicKey === this.#trust.rootKey;
      if (act === GENESIS && !isRoot)
        return { reason: 'genesis', detail: 'it introduces another key than the trusted' };
    }
    if (act === REVOKE_AUTHOR && !revocationDetailsSchema.safeParse(details).success) {
      return { reason: 'form', detail: 'it revokes an author without a name' };
    }
    return undefined;
  }

  #learn({ act, details }: LedgerEntry): void {
    if (act === GENESIS || act === ADD_AUTHOR) {
      const { author, publicKey } = authorDetailsSchema.parse(details);
      this.#keys.set(author, publicKey);
      this.#revoked.delete(author);
    } else if (act === REVOKE_AUTHOR) {
      this.#revoked.add(revocationDetailsSchema.parse(details).author);
    }
  }
}

export function verifyLedger(entries: Iterable<unknown>, trust: Trust): Verdict {
  const verifier = new LedgerVerifier(trust);
  for (const entry of entries) if (!verifier.add(entry)) break;
  return verifier.verdict();
}

/** The error of a bad verdict, LEDGER_INVALID, which names the first bad entry. */
export function ledgerError({ count, bad }: Extract<Verdict, { ok: false }>): LatticeError {
  return new LatticeError(
    'LEDGER_INVALID',
    `Entry ${bad.place} is bad (${bad.reason}): ${bad.detail}; the ${count} before it hold together.`,
  );
}
