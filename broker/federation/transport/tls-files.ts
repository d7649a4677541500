import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';
import { LatticeError, messageOf } from '../../../core/errors/index.ts';

/**
 * PEM files of a broker's links. The certificate is shown to the other end; with caFile the other end has to show one that
 * this authority signed, whichever end dialed. Without caFile the system's authorities count, and only a listener is asked.
 */
export const linkTlsSchema = z
  .strictObject({
    certFile: z.string().min(1).optional(),
    keyFile: z.string().min(1).optional(),
    caFile: z.string().min(1).optional(),
  })
  .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
    message: 'certFile and keyFile belong together',
  });

export type LinkTls = z.output<typeof linkTlsSchema>;

export interface TlsMaterial {
  cert?: Buffer;
  key?: Buffer;
  ca?: Buffer;
}

/** Reads the files, each time anew: a certificate that was renewed counts from the next connection on. Throws LINK_CERTIFICATE. */
export function readTlsFiles({ certFile, keyFile, caFile }: LinkTls): TlsMaterial {
  const material = {
    ...(certFile === undefined ? {} : { cert: read(certFile) }),
    ...(keyFile === undefined ? {} : { key: read(keyFile) }),
    ...(caFile === undefined ? {} : { ca: read(caFile) }),
  };
  try {
    // A file that is no PEM, or a key of another certificate, shows here and not in an event of some socket.
    createSecureContext(material);
  } catch (cause) {
    const files = [certFile, keyFile, caFile].filter((file) => file !== undefined).join(', ');
    throw new LatticeError('LINK_CERTIFICATE', `${files}: ${messageOf(cause)}.`, { cause });
  }
  return material;
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new LatticeError('LINK_CERTIFICATE', `${file} cannot be read: ${messageOf(cause)}.`, { cause });
  }
}
