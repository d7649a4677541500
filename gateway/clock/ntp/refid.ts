/*
 * Reference ids (RFC 5905, section 7.3): 32 bits that name what a server follows. At stratum 1 up to four ASCII letters name a kind of
 * clock, at stratum 0 they are a kiss code (section 7.4), and from stratum 2 on there is the IPv4 address of the server above, or
 * a hash of its IPv6 address.
 */

const PRINTABLE = /^[\x20-\x7e]*$/;

/** Of one to four ASCII letters. */
export function refidOfText(text: string): number {
  return Buffer.from(text.padEnd(4, '\0'), 'latin1').readUInt32BE(0);
}

/** For a person: `GPS`, `RATE`, `192.0.2.1`; hexadecimal where a server of stratum 0 or 1 sends what is no text. */
export function refidText(refid: number, stratum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(refid);
  if (stratum > 1) return bytes.join('.');
  const text = bytes.toString('latin1').replace(/\0+$/, '');
  return PRINTABLE.test(text) ? text : bytes.toString('hex');
}
