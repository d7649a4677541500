/** What a holder of a lock or a leader shows at a resource: the highest token of a scope wins, older ones are refused. */
export interface FencingToken {
  /** What is held, for example the lead of a site. Tokens of one scope alone are compared. */
  scope: string;
  /** A whole number, 0 or more, greater with each holder. */
  token: number;
}

/** Header of an HTTP request that is to be refused once a greater token of the scope was seen: `scope:token`. */
export const FENCE_HEADER = 'x-lattice-fence';

const FENCE = /^([A-Za-z0-9._/-]{1,128}):(0|[1-9][0-9]{0,15})$/;

export function formatFence({ scope, token }: FencingToken): string {
  return `${scope}:${token}`;
}

/** Undefined when the text is no fence. */
export function parseFence(text: string): FencingToken | undefined {
  const [, scope, digits] = FENCE.exec(text) ?? [];
  const token = Number(digits);
  return scope === undefined || !Number.isSafeInteger(token) ? undefined : { scope, token };
}
