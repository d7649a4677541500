import { describe, expect, it } from 'vitest';
import { type Endpoints, saveEndpoints } from '../../../core/mesh/index.ts';
import { connect, credentials, OPERATOR, SITE, startBroker } from '../../broker/support/harness.ts';
import { newFolder } from '../../broker/support/store.ts';
import { eventually } from '../../support/eventually.ts';
import { lattice } from '../../support/mesh.ts';

/** The data folder of a mesh with one broker. */
async function setUp(): Promise<{ data: string; port: number }> {
  const { port } = await startBroker();
  const data = await newFolder();
  const endpoints: Endpoints = {
    ready: true,
    brokers: [{ id: 'b1', host: '127.0.0.1', port, wsPort: 1, pid: 1 }],
    gateways: [],
    store: { url: 'http://127.0.0.1:1', db: 'lattice', pid: 1 },
    console: '',
    ...OPERATOR,
    site: SITE,
    dataDir: data,
  };
  await saveEndpoints(data, endpoints);
  return { data, port };
}

describe('lattice drain', () => {
  it('tells how many clients are left, and with --wait ends when none is', async () => {
    const { data, port } = await setUp();
    const client = await connect(port, credentials('device', 'd1'));
    const { code, stdout } = await lattice('drain', 'b1', '--wait', '--data', data);
    expect(stdout).toBe('b1 drains: 1 client left.\nb1 is drained: it has no client left. Its links are up.\n');
    expect(code).toBe(0);
    await eventually(() => expect(client.mqtt.connected).toBe(false));
    const undone = await lattice('drain', 'b1', '--undo', '--json', '--data', data);
    expect(JSON.parse(undone.stdout)).toEqual({ broker: 'b1', isDraining: false, clientsLeft: 0 });
    await connect(port, credentials('device', 'd1'));
  }, 30_000);

  it('names the brokers that there are when it does not know one, with exit code 2', async () => {
    const { data } = await setUp();
    const { code, stderr } = await lattice('drain', 'b9', '--data', data);
    expect(stderr).toContain('There is no broker "b9"; the mesh has b1.');
    expect(code).toBe(2);
  });
});
