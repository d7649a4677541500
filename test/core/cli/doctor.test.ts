import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dashboardStatement, hasMark } from '../../../core/cli/doctor.ts';
import { queryStore } from '../../../core/cli/store-query.ts';
import { basicAuthHeader } from '../../../core/identity/index.ts';
import { MEASUREMENTS } from '../../../core/wire/index.ts';
import { PASSWORD, startEmbedded, type TestServer, USERNAME } from '../../gateway/store/servers.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(() => server.stop());

describe("the doctor's dashboard query", () => {
  it('finds the mark of its own probe, and takes no other for it', async () => {
    const stampMs = Math.floor(Date.now() / 10_000) * 10_000 - 60_000;
    const lines = [7, 4_000_000_000].map(
      (mark, index) => `${MEASUREMENTS.probe},device=d probe=${mark} ${stampMs + index}000000`,
    );
    const written = await fetch(`${server.url}/write?db=lattice`, {
      method: 'POST',
      headers: { authorization: basicAuthHeader(USERNAME, PASSWORD) },
      body: lines.join('\n'),
    });
    expect(written.status).toBe(204);
    const endpoints = {
      store: { url: server.url, db: 'lattice', pid: 0 },
      username: USERNAME,
      password: PASSWORD,
    };
    const isThere = async (mark: number): Promise<boolean> =>
      hasMark(await queryStore(endpoints, dashboardStatement('d', mark)), mark);
    // Two probes within one group of 10 s, the mark of the first below that of the second.
    expect(await isThere(7)).toBe(true);
    expect(await isThere(4_000_000_000)).toBe(true);
    expect(await isThere(8)).toBe(false);
  });
});
