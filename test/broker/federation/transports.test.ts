import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { at, drained, federate, interestKnown, keptLog, linked, linkOf, newBench, portOf } from './mesh.ts';

const bench = newBench();

/** A certificate for 127.0.0.1 that is its own authority; both ends may show it. */
async function certificate() {
  const folder = await bench.folder();
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const ec = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=links',
  ];
  const files = ['-keyout', keyFile, '-out', certFile, '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...ec, ...files], { stdio: 'pipe' });
  return { certFile, keyFile, caFile: certFile };
}

describe('a link over', () => {
  it.each([
    ['TLS', { isTls: true }],
    ['WebSocket', { isWebSocket: true }],
    ['WebSocket with TLS', { isTls: true, isWebSocket: true }],
  ])('%s carries streams both ways, large messages too, and comes back after a break', async (_name, scheme) => {
    const tls = 'isTls' in scheme ? await certificate() : undefined;
    const [a, b] = [await bench.broker('a'), await bench.broker('b')];
    const fb = await federate(bench, b, { peers: [{ id: 'a' }], listen: at(0, scheme), tls });
    const listen = at(portOf(fb), scheme);
    const fa = await federate(bench, a, { peers: [{ id: 'b', address: listen }], tls, compresses: true });
    await linked(fa, fb);
    a.subscribe('t');
    b.subscribe('t');
    await interestKnown(fa, fb);
    const texts = Array.from({ length: 200 }, (_, i) => `${i} ${'x'.repeat(i * 20)}`);
    const large = 'y'.repeat(1_000_000);
    await Promise.all([...texts, large].flatMap((text) => [a.publish('t', `a${text}`), b.publish('t', `b${text}`)]));
    await drained(fa, fb);
    for (const broker of [a, b]) {
      const got = broker.payloads();
      for (const origin of ['a', 'b']) {
        expect(got.filter((text) => text.startsWith(origin))).toEqual([...texts, large].map((text) => origin + text));
      }
    }
    await fb.stop();
    await eventually(() => expect(fa.reachable()).toEqual([]));
    await a.publish('t', 'meanwhile');
    const again = await federate(bench, b, { peers: [{ id: 'a' }], listen, tls });
    await linked(fa, again);
    await drained(fa);
    expect(b.payloads().at(-1)).toBe('meanwhile');
    expect(linkOf(fa, 'b').state).toBe('up');
  });

  it('TLS is refused by an end that does not trust the other, with LINK_CERTIFICATE, and nothing crosses', async () => {
    const { log, lines } = keptLog();
    const [tls, other] = [await certificate(), await certificate()];
    const [a, b] = [await bench.broker('a'), await bench.broker('b')];
    const fb = await federate(bench, b, { peers: [{ id: 'a' }], listen: at(0, { isTls: true }), tls });
    const address = at(portOf(fb), { isTls: true });
    const fa = await federate(bench, a, { peers: [{ id: 'b', address }], tls: other, log });
    await eventually(() => expect(linkOf(fa, 'b').state).toBe('refused'));
    expect(lines.at(-1)).toMatchObject({ peer: 'b', code: 'LINK_CERTIFICATE' });
    expect(fa.reachable()).toEqual([]);
  });
});
