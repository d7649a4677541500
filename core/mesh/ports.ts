import { createServer } from 'node:net';
import { LatticeError } from '../errors/index.ts';
import { type MeshLayout, portsOf } from './layout.ts';

/** Checks that every port of a mesh is free before anything is started. Throws PORT_TAKEN, naming each and the option. */
export async function checkPorts(layout: MeshLayout): Promise<void> {
  const taken: string[] = [];
  for (const { port, purpose } of portsOf(layout)) {
    if (!(await isFree(layout.host, port))) taken.push(`${port} (${purpose})`);
  }
  if (taken.length === 0) return;
  const noun = taken.length === 1 ? 'Port' : 'Ports';
  throw new LatticeError('PORT_TAKEN', `${noun} ${taken.join(', ')} on ${layout.host} taken by another program.`);
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
