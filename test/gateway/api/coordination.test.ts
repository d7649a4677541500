import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { basicAuthHeader } from '../../../core/identity/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { beginLedger, createSigningKey, HEAD_KEY, ledgeredTransaction } from '../../../gateway/ledger/index.ts';
import { HttpSite, OPERATOR, READER } from '../coordination/http-cluster.ts';

let site: HttpSite;
beforeAll(async () => {
  site = await HttpSite.start();
});
afterAll(() => site?.stop());

interface Asked {
  method?: string;
  body?: unknown;
  account?: typeof OPERATOR;
  at?: string;
  headers?: Record<string, string>;
}

async function ask(
  path: string,
  { method = 'GET', body, account = OPERATOR, at = 'gateway-1', headers = {} }: Asked = {},
) {
  const response = await fetch(`${site.url(at)}/v1/coordination/${path}`, {
    method,
    headers: {
      authorization: basicAuthHeader(account.username, account.password),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, json: () => JSON.parse(text) };
}

const transaction = (...success: unknown[]) => ({ compare: [], success, failure: [] });
const put = (key: string, value = '1') => ({ op: 'put', key, value });

describe('/v1/coordination', () => {
  it('lets readers read and operators alone change', async () => {
    expect((await ask('range?prefix=', { account: READER })).status).toBe(200);
    expect((await ask('status', { account: READER })).json()).toMatchObject({
      driver: 'raft',
      revision: expect.any(Number),
    });
    const changes: [string, string, unknown][] = [
      ['POST', 'transaction', transaction(put('a'))],
      ['POST', 'leases', { ttlMs: 5_000 }],
      ['DELETE', 'leases/x', undefined],
      ['POST', 'compact', { revision: 1 }],
      ['POST', 'ledger', transaction(put('a'))],
      ['POST', 'members', { changes: [{ change: 'remove', name: 'gateway-3' }] }],
      ['POST', 'members/transfer', { name: 'gateway-3' }],
    ];
    for (const [method, path, body] of changes) {
      const answer = await ask(path, { method, body, account: READER });
      expect([path, answer.status, answer.json().code]).toEqual([path, 403, 'OPERATOR_REQUIRED']);
    }
    expect((await ask('status', { account: { username: 'nobody', password: 'x' } })).status).toBe(401);
  });

  it("refuses every change of the mesh's own keys, whole or in part", async () => {
    const touching = [
      put('lattice/x'),
      { op: 'delete', range: { key: 'lattice/ledger/head' } },
      { op: 'delete', range: { prefix: '' } },
      { op: 'delete', range: { prefix: 'latt' } },
      { op: 'delete', range: { from: 'a', to: 'z' } },
    ];
    for (const operation of touching) {
      for (const body of [transaction(put('b'), operation), { compare: [], success: [], failure: [operation] }]) {
        const answer = await ask('transaction', { method: 'POST', body });
        expect([answer.status, answer.json().code]).toEqual([403, 'KEY_RESERVED']);
      }
    }
    const beside = transaction(put('lattice'), { op: 'delete', range: { from: 'lattice0', to: 'z' } });
    expect((await ask('transaction', { method: 'POST', body: beside })).status).toBe(200);
  });

  it('carries a change out once, at whichever gateways it is asked for', async () => {
    const headers = { 'lattice-request': 'test/1', 'lattice-request-repeated': 'true' };
    const asked = { method: 'POST', body: transaction(put('once')), headers };
    const answers = await Promise.all(
      ['gateway-1', 'gateway-1', 'gateway-2', 'gateway-3'].map((at) => ask('transaction', { ...asked, at })),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect((await ask('range?key=once')).json().keyValues[0].version).toBe(1);
  });

  it('says what is wrong with a status and a code', async () => {
    const revision = (await ask('transaction', { method: 'POST', body: transaction(put('r')) })).json().revision;
    await ask('compact', { method: 'POST', body: { revision } });
    const codes: [string, Asked, number, string][] = [
      [`range?key=r&revision=${revision - 1}`, {}, 410, 'REVISION_COMPACTED'],
      [`range?key=r&revision=${revision + 99}`, {}, 416, 'REVISION_IN_FUTURE'],
      ['range', {}, 400, 'COORDINATION_REJECTED'],
      ['range?key=r&prefix=r', {}, 400, 'COORDINATION_REJECTED'],
      ['transaction', { method: 'POST', body: { nonsense: 1 } }, 400, 'COORDINATION_REJECTED'],
      ['leases/none/keepalive', { method: 'POST' }, 404, 'LEASE_NOT_FOUND'],
      [
        'members',
        { method: 'POST', body: { changes: [{ change: 'remove', name: 'none' }] } },
        409,
        'MEMBER_CHANGE_REFUSED',
      ],
    ];
    for (const [path, asked, status, code] of codes) {
      const answer = await ask(path, asked);
      expect([path, answer.status, answer.json().code]).toEqual([path, status, code]);
      expect(answer.json()).toEqual({ code, what: expect.any(String), detail: expect.any(String) });
    }
    const lines = (await ask(`watch?key=r&fromRevision=${revision - 1}`)).text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ type: 'error', code: 'REVISION_COMPACTED' });
  });

  it('takes appends to the ledger, and nothing else there', async () => {
    const sent: unknown[] = [];
    const key = createSigningKey();
    const coordinator = site.coordinator();
    const options = {
      clock: systemClock,
      author: { name: 'operator', key },
      group: {
        get: coordinator.get.bind(coordinator),
        transaction: async (body: unknown) => {
          sent.push(body);
          const answer = await ask('ledger', { method: 'POST', body });
          if (answer.status !== 200) throw new Error(answer.text);
          return answer.json();
        },
      },
    };
    await beginLedger(options);
    expect(await ledgeredTransaction(options, { act: 'test', details: { n: 1 } })).toMatchObject({ succeeded: true });
    const good = sent.at(-1) as { compare: unknown[]; success: { value: string }[]; failure: unknown[] };
    const refused = [
      { ...good, success: [...good.success, put('lattice/disks/1')] },
      { ...good, success: good.success.slice(0, 1) },
      {
        ...good,
        success: [{ ...good.success[0], value: good.success[0]?.value.replace('test', 'text') }, good.success[1]],
      },
      { ...good, compare: [] },
      { ...good, failure: [{ op: 'delete', range: { key: HEAD_KEY } }] },
      transaction(put(HEAD_KEY)),
    ];
    for (const body of refused) {
      const answer = await ask('ledger', { method: 'POST', body });
      expect([answer.status, answer.json().code]).toEqual([400, 'COORDINATION_REJECTED']);
    }
    // The same entry again does not follow the newest any more.
    expect((await ask('ledger', { method: 'POST', body: good })).json()).toMatchObject({ succeeded: false });
    const lines = (await ask('ledger', { account: READER })).text.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).act)).toEqual(['ledger.genesis', 'test']);
    await coordinator.close();
  });
});
