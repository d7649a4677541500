/** A payload that names its record, so that one that is given back for another is noticed. */
export function payloadOf(index: number, bytes = 24): Buffer {
  return Buffer.from(`record ${index} `.padEnd(bytes, 'abcdefgh'));
}
