/**
 * The brokers that a message has passed, in a user property of MQTT 5. A broker that finds itself in it, or finds it too
 * long, drops the message: it has gone in a circle.
 */
export const PATH_PROPERTY = 'lattice-path';

/** Brokers that a message may pass. */
export const HOPS_MAX = 16;
const PATH_CHARS_MAX = 4_096;

type UserProperties = Record<string, string | string[]>;

export function formatPath(path: readonly string[]): UserProperties {
  return { [PATH_PROPERTY]: path.join(' ') };
}

/** The path that a message says it took; empty when it says nothing. */
export function parsePath(properties: UserProperties | undefined): string[] {
  const value = properties?.[PATH_PROPERTY];
  const text = (Array.isArray(value) ? value.join(' ') : (value ?? '')).slice(0, PATH_CHARS_MAX);
  return text.split(' ').filter((name) => name !== '');
}
