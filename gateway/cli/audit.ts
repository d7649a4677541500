import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { table } from '../../core/cli/output.ts';
import { EXIT, LatticeError, messageOf } from '../../core/errors/index.ts';
import {
  type LedgerEntry,
  ledgerError,
  siteRootKey,
  type Trust,
  verifyLedgerBytes,
  verifyLedgerFile,
} from '../ledger/index.ts';
import { siteKeyOf } from './operator-ledger.ts';
import { openSite, printJson, type SiteOptions } from './site.ts';

export interface AuditOptions extends SiteOptions {
  file?: string | undefined;
}

/** Prints the entries of the ledger; with --json as they are kept, which is the form that `audit verify --file` takes. */
export async function auditList(options: AuditOptions): Promise<number> {
  const text = options.file === undefined ? await (await openLedger(options)).text() : await textOf(options.file);
  if (options.json) {
    process.stdout.write(text);
    return EXIT.ok;
  }
  const entries = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as LedgerEntry]));
  const rows = entries.map(({ sequence, atMs, author, act, details }) => [
    String(sequence),
    new Date(atMs).toISOString(),
    author,
    act,
    JSON.stringify(details),
  ]);
  process.stdout.write(
    rows.length === 0 ? 'The ledger is empty.\n' : `${table(['NO', 'AT', 'BY', 'ACT', 'DETAILS'], rows)}\n`,
  );
  return EXIT.ok;
}

export interface VerifyOptions extends AuditOptions {
  /** That the ledger was begun with, in hexadecimal; what follows from the site's key in the data folder when left out. */
  rootKey?: string | undefined;
  /** The hash of the newest entry, where it is known: else a ledger that was cut short looks whole. */
  headHash?: string | undefined;
}

/** Throws LEDGER_INVALID, naming the first bad entry. */
export async function auditVerify(options: VerifyOptions): Promise<number> {
  const { file, headHash } = options;
  const rootKey = options.rootKey ?? siteRootKey(siteKeyOf(resolve(options.data))).publicKey;
  const trust: Trust = { rootKey, ...(headHash === undefined ? {} : { headHash }) };
  const verdict = file === undefined ? await verifyOwn(options, trust) : await verifyLedgerFile(file, trust);
  if (options.json) printJson(verdict);
  else if (verdict.ok) {
    process.stdout.write(`${verdict.count} entries hold together; the newest is ${verdict.headHash}.\n`);
  }
  if (verdict.ok) return EXIT.ok;
  if (!options.json) throw ledgerError(verdict);
  return EXIT.failed;
}

async function verifyOwn(options: AuditOptions, trust: Trust) {
  const { body } = await openLedger(options);
  return verifyLedgerBytes(body as AsyncIterable<Uint8Array>, trust);
}

async function openLedger(options: AuditOptions): Promise<Response> {
  return openSite(options).caller.open('ledger', {}, new AbortController().signal);
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new LatticeError('DATA_UNUSABLE', `${file}: ${messageOf(cause)}.`, { cause });
  }
}
