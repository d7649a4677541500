import { LatticeError } from '../../../core/errors/index.ts';

export const LINK_PROTOCOL_VERSION = 3;

export function linkProtocolError(detail: string, cause?: unknown): LatticeError {
  return new LatticeError('LINK_PROTOCOL', detail, cause === undefined ? undefined : { cause });
}
