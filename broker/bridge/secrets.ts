import { readFile } from 'node:fs/promises';
import { LatticeError, messageOf } from '../../core/errors/index.ts';
import type { BridgeConfig } from './config.ts';

/** What a bridge proves itself with, and knows the other broker by. Never logged. */
export interface BridgeSecrets {
  password?: string;
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

/** Reads them from their files, so that a new password or certificate counts from the next connection on. Throws CONFIG_UNREADABLE. */
export async function readSecrets({ password, passwordFile, tls }: BridgeConfig): Promise<BridgeSecrets> {
  const secrets: BridgeSecrets = password === undefined ? {} : { password };
  if (passwordFile !== undefined) secrets.password = firstLine(await read(passwordFile));
  if (tls?.caFile !== undefined) secrets.ca = await read(tls.caFile);
  if (tls?.certFile !== undefined) secrets.cert = await read(tls.certFile);
  if (tls?.keyFile !== undefined) secrets.key = await read(tls.keyFile);
  return secrets;
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new LatticeError('CONFIG_UNREADABLE', `${file}: ${messageOf(cause)}.`, { cause });
  }
}

function firstLine(bytes: Buffer): string {
  return bytes.toString('utf8').split(/\r?\n/, 1)[0] ?? '';
}
