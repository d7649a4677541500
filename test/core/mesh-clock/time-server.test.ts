import { expect, it } from 'vitest';
import { formatTimeServer, timeServerSchema } from '../../../core/mesh-clock/index.ts';

it.each([
  ['127.0.0.1:7123', { host: '127.0.0.1', port: 7_123 }],
  ['gateway-1.local:1', { host: 'gateway-1.local', port: 1 }],
  ['[fe80::1]:7123', { host: 'fe80::1', port: 7_123 }],
])('%s is a server, and is written so', (text, server) => {
  expect(timeServerSchema.parse(text)).toEqual(server);
  expect(formatTimeServer(server)).toBe(text);
});

it.each(['', 'host', 'host:', ':1', 'host:0', 'host:65536', '::1:123', 'a b:1'])('"%s" is none', (text) => {
  expect(timeServerSchema.safeParse(text).success).toBe(false);
});
