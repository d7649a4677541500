import { createReadStream } from 'node:fs';
import { LatticeError, messageOf } from '../../core/errors/index.ts';
import { LedgerVerifier, type Trust, type Verdict } from './verify.ts';

/** An entry is a value of the group's store, and those are smaller than this. */
const LINE_BYTES_MAX = 2 * 1024 * 1024;

/**
 * Checks an exported ledger (NDJSON: what ledgerLines gives, each line with its end), a line at a time.
 * Rejects with DATA_UNUSABLE when the file cannot be read.
 */
export async function verifyLedgerFile(path: string, trust: Trust): Promise<Verdict> {
  try {
    return await verifyLedgerBytes(createReadStream(path), trust);
  } catch (cause) {
    throw new LatticeError('DATA_UNUSABLE', `${path}: ${messageOf(cause)}.`, { cause });
  }
}

/** The same for bytes from anywhere, in chunks as they come. */
export async function verifyLedgerBytes(chunks: AsyncIterable<Uint8Array>, trust: Trust): Promise<Verdict> {
  const verifier = new LedgerVerifier(trust);
  // Strict: what a lenient decoder makes equal would hide a changed byte.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
      if (!addLine(verifier, decoder, rest.subarray(0, end))) return verifier.verdict();
      rest = rest.subarray(end + 1);
    }
    if (rest.length > LINE_BYTES_MAX) {
      verifier.fail('form', `a line of more than ${LINE_BYTES_MAX} bytes`);
      return verifier.verdict();
    }
  }
  if (rest.length > 0) verifier.fail('form', 'the last line has no end');
  return verifier.verdict();
}

function addLine(verifier: LedgerVerifier, decoder: TextDecoder, line: Uint8Array): boolean {
  try {
    return verifier.addLine(decoder.decode(line));
  } catch {
    return verifier.fail('form', 'the line is no UTF-8');
  }
}
