import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { KvClient } from './client.ts';
import { firstWriteMs } from './outage.ts';

const OUTAGE_MS = 200;

describe('firstWriteMs', () => {
  const ends: (() => void)[] = [];
  const client = new KvClient();
  afterEach(() => {
    client.close();
    for (const end of ends.splice(0)) end();
  });

  /** A member that does with each request what it is told to. */
  async function member(onRequest: (response: ServerResponse) => void): Promise<number> {
    const server = createServer((request, response) => request.resume().once('end', () => onRequest(response)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ends.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  it('is the time until a survivor takes a write, though others refuse and earlier attempts hang', async () => {
    const startMs = performance.now();
    const good = (response: ServerResponse): unknown => response.end('{"header":{}}');
    const refusing = await member((response) => response.writeHead(503).end());
    const recovering = await member((response) => {
      // The early ones are never answered.
      if (performance.now() - startMs > OUTAGE_MS) good(response);
    });
    const outageMs = await firstWriteMs(client, [refusing, recovering]);
    expect(outageMs).toBeGreaterThan(OUTAGE_MS - 50);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(outageMs);
  });

  it('gives up old attempts, so that a member that hangs for long does not gather them', async () => {
    let open = 0;
    let most = 0;
    let seen = 0;
    const hanging = await member((response) => {
      open += 1;
      seen += 1;
      most = Math.max(most, open);
      response.once('close', () => {
        open -= 1;
      });
    });
    const recovering = await member((response) => {
      if (seen > 100) response.end('{"header":{}}');
    });
    await firstWriteMs(client, [hanging, recovering]);
    expect(seen).toBeGreaterThan(100);
    expect(most).toBeLessThan(100);
  });
});
