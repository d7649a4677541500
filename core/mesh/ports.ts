import { createServer } from 'node:net';
import { errnoOf, LatticeError, messageOf } from '../errors/index.ts';
import { type MeshLayout, portsOf } from './layout.ts';

/**
 * Checks that every port of a mesh can be listened on before anything is started; the message names each that cannot, and
 * why. Throws PORT_TAKEN, or PORT_UNUSABLE when none is taken but one cannot be had for another reason.
 */
export async function checkPorts(layout: MeshLayout): Promise<void> {
  const faults: { error: unknown; port: string }[] = [];
  for (const { port, purpose } of portsOf(layout)) {
    const error = await listenFault(layout.host, port);
    if (error !== undefined) faults.push({ error, port: `${port} (${purpose})` });
  }
  if (faults.length === 0) return;
  const taken = faults.filter(({ error }) => errnoOf(error) === 'EADDRINUSE');
  const parts = taken.length === 0 ? [] : [`${portsText(taken)} on ${layout.host} taken by another program.`];
  for (const fault of faults) {
    if (!taken.includes(fault)) parts.push(`${portsText([fault])} on ${layout.host}: ${faultText(fault.error)}.`);
  }
  throw new LatticeError(taken.length > 0 ? 'PORT_TAKEN' : 'PORT_UNUSABLE', parts.join(' '));
}

/** Why a port cannot be listened on, when nobody else has it. */
export function faultText(error: unknown): string {
  return errnoOf(error) === 'EACCES' ? 'this user may not listen on it (EACCES)' : messageOf(error);
}

function portsText(faults: readonly { port: string }[]): string {
  return `${faults.length === 1 ? 'Port' : 'Ports'} ${faults.map(({ port }) => port).join(', ')}`;
}

/** Undefined when the port is free. */
function listenFault(host: string, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
