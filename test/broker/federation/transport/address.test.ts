import { describe, expect, it } from 'vitest';
import { addressText, linkAddressSchema } from '../../../../broker/federation/transport/index.ts';

describe('a link address', () => {
  it.each([
    ['lattice://10.0.0.7:7000', { host: '10.0.0.7', port: 7_000, isTls: false, isWebSocket: false, path: '/' }],
    [
      'lattices://broker.example:7000',
      { host: 'broker.example', port: 7_000, isTls: true, isWebSocket: false, path: '/' },
    ],
    ['lattice://[::1]:7000', { host: '::1', port: 7_000, isTls: false, isWebSocket: false, path: '/' }],
    ['ws://broker.example', { host: 'broker.example', port: 80, isTls: false, isWebSocket: true, path: '/' }],
    [
      'wss://broker.example:8443/link',
      { host: 'broker.example', port: 8_443, isTls: true, isWebSocket: true, path: '/link' },
    ],
  ])('%s says what it is', (text, address) => {
    expect(linkAddressSchema.parse(text)).toEqual(address);
    expect(linkAddressSchema.parse(addressText(address))).toEqual(address);
  });

  it('may be host and port', () => {
    expect(linkAddressSchema.parse({ host: 'b', port: 1 })).toEqual(linkAddressSchema.parse('lattice://b:1'));
  });

  it.each([
    '',
    'b:7000',
    'lattice://b',
    'lattice://b:70000',
    'lattice://b:7000/path',
    'lattice://user:secret@b:7000',
    'mqtt://b:7000',
    'wss://b/?token=1',
    { host: 'b' },
    { host: 'b', port: 1, user: 'x' },
  ])('is not %j', (wrong) => {
    expect(linkAddressSchema.safeParse(wrong).success).toBe(false);
  });
});
