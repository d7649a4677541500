import type { FastifyRequest } from 'fastify';

/** The query string's parameters, and for a form the body's too, which win. */
export function parametersOf(request: FastifyRequest, form?: Buffer): URLSearchParams {
  const mark = request.url.indexOf('?');
  const parameters = new URLSearchParams(mark < 0 ? '' : request.url.slice(mark + 1));
  if (form === undefined) return parameters;
  for (const [name, value] of new URLSearchParams(form.toString('utf8'))) parameters.set(name, value);
  return parameters;
}

const UNITS_NS: Readonly<Record<string, bigint>> = {
  n: 1n,
  ns: 1n,
  u: 1_000n,
  us: 1_000n,
  µ: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** One unit of `precision` or `epoch` in ns; undefined when there is no such unit. */
export function unitNs(name: string): bigint | undefined {
  return Object.hasOwn(UNITS_NS, name) ? UNITS_NS[name] : undefined;
}
