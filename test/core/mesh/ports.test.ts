import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { checkPorts, planMesh } from '../../../core/mesh/index.ts';
import { faultText } from '../../../core/mesh/ports.ts';
import { freePortBase } from '../../support/mesh.ts';

describe('checkPorts', () => {
  it('names the port that another program has, and what it is for', async () => {
    const layout = planMesh({ brokers: 1, gateways: 1, devices: 0, demo: true, portBase: await freePortBase() });
    await checkPorts(layout);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    layout.store.port = port;
    await expect(checkPorts(layout)).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: `Port ${port} (the time-series store) on 127.0.0.1 taken by another program.`,
    });
    server.close();
  });

  it('does not call another failure taken', async () => {
    const layout = planMesh({ brokers: 1, gateways: 1, devices: 0, demo: true, portBase: 21_000 });
    // TEST-NET-1 (RFC 5737): no address of this machine.
    const fault = await checkPorts({ ...layout, host: '192.0.2.1' }).catch((error) => error);
    expect(fault).toMatchObject({ code: 'PORT_UNUSABLE', message: expect.stringContaining('EADDRNOTAVAIL') });
    expect(fault.message).not.toContain('taken');
    expect(faultText(Object.assign(new Error('listen EACCES'), { code: 'EACCES' }))).toContain('may not listen');
  });
});
