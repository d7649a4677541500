import { errnoOf, LatticeError, messageOf } from '../../../core/errors/index.ts';

/** What OpenSSL and Node say of certificates and of the TLS handshake (Node: "X509 certificate error codes", tls, errors). */
const CERTIFICATE_FAULT =
  /^(ERR_TLS|ERR_SSL|CERT_|CRL_|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|SELF_SIGNED|UNABLE_TO_)/;

/** The failure of a link's stream as LINK_CERTIFICATE when the two ends do not trust each other, and LINK_DOWN otherwise. */
export function linkError(cause: unknown): LatticeError {
  const code = CERTIFICATE_FAULT.test(errnoOf(cause) ?? '') ? 'LINK_CERTIFICATE' : 'LINK_DOWN';
  return new LatticeError(code, `${messageOf(cause)}.`, { cause });
}
