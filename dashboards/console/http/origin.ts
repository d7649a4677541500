const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Whether a Host header names this console. A page elsewhere can point its own name at 127.0.0.1 (DNS rebinding) and then
 * reads what it likes; the browser still sends that name here.
 */
export function isKnownHost(hostHeader: string | undefined, names: readonly string[]): boolean {
  const host = hostNameOf(hostHeader ?? '');
  return host !== undefined && [...LOCAL_NAMES, ...names.map((name) => name.toLowerCase())].includes(host);
}

/**
 * Whether a request that changes something comes from a page of ours. Browsers send Origin with every POST; programs such
 * as curl send none, and carry no cookie that somebody else could misuse.
 */
export function isSameOrigin(originHeader: string | undefined, hostHeader: string | undefined): boolean {
  if (originHeader === undefined) return true;
  return URL.canParse(originHeader) && new URL(originHeader).host === (hostHeader ?? '').toLowerCase();
}

function hostNameOf(hostHeader: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec(hostHeader.toLowerCase())?.[1];
}
