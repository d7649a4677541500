import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../../core/time/index.ts';
import { PeerAddresses } from '../../../../../gateway/clock/probe/socket/peer-addresses.ts';

const B = { name: 'b', host: 'gw-b.local', port: 7_000 };

function resolving() {
  const clock = new VirtualClock();
  const names = new Map<string, string>([[B.host, '10.0.0.2']]);
  const lookups: string[] = [];
  const unresolved: string[] = [];
  const addresses = new PeerAddresses({
    clock,
    lookup: async (host) => {
      lookups.push(host);
      const address = names.get(host);
      if (address === undefined) throw new Error(`getaddrinfo ENOTFOUND ${host}`);
      return address;
    },
    onUnresolved: (peer, host, reason) => unresolved.push(`${peer} ${host}: ${reason}`),
  });
  return { clock, names, lookups, unresolved, addresses };
}

const settled = () => new Promise(setImmediate);

describe('the addresses of peers', () => {
  it('are asked for ahead, and again after a minute', async () => {
    const { clock, names, lookups, addresses } = resolving();
    addresses.setPeers([B]);
    await settled();
    expect(addresses.of('b')).toEqual({ address: '10.0.0.2', port: 7_000 });
    names.set(B.host, '10.0.0.3');
    clock.advance(59_999);
    addresses.of('b');
    await settled();
    expect(addresses.of('b')?.address).toBe('10.0.0.2');
    clock.advance(1);
    addresses.of('b');
    await settled();
    expect(addresses.of('b')?.address).toBe('10.0.0.3');
    addresses.setPeers([B]);
    await settled();
    expect(lookups).toHaveLength(2);
  });

  it('stay as they were when a name is lost, which is told once', async () => {
    const { clock, names, unresolved, addresses } = resolving();
    addresses.setPeers([B]);
    await settled();
    names.clear();
    for (let minute = 0; minute < 3; minute++) {
      clock.advance(60_000);
      addresses.of('b');
      await settled();
    }
    expect(addresses.of('b')?.address).toBe('10.0.0.2');
    expect(unresolved).toEqual(['b gw-b.local: getaddrinfo ENOTFOUND gw-b.local']);
  });

  it('are not known of strangers, of who is gone, nor before they were found', async () => {
    const { clock, names, addresses } = resolving();
    names.clear();
    addresses.setPeers([B]);
    await settled();
    expect(addresses.of('b')).toBe(undefined);
    names.set(B.host, '10.0.0.2');
    clock.advance(5_000);
    expect(addresses.of('b')).toBe(undefined);
    await settled();
    expect(addresses.of('b')?.address).toBe('10.0.0.2');
    expect(addresses.of('c')).toBe(undefined);
    addresses.setPeers([{ ...B, host: 'elsewhere' }]);
    expect(addresses.of('b')).toBe(undefined);
    addresses.setPeers([]);
    expect(addresses.of('b')).toBe(undefined);
  });
});
