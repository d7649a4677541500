import { join } from 'node:path';
import { freePorts } from '../../support/free-port.ts';

/** Where one member of a group runs. */
export interface Place {
  name: string;
  /** For clients, on 127.0.0.1: HTTP, in the words of etcd's JSON gateway. */
  clientPort: number;
  /** For the other members. */
  peerPort: number;
  folder: string;
}

/** The program that is one member, given where it and all others run. */
export interface Command {
  file: string;
  args: readonly string[];
}

/** Who is measured. */
export interface Contender {
  label: string;
  commandOf(place: Place, all: readonly Place[]): Command;
}

export async function placesIn(folder: string, count: number): Promise<Place[]> {
  const ports = await freePorts(2 * count);
  return Array.from({ length: count }, (_, at) => {
    const name = `member-${at + 1}`;
    const [clientPort, peerPort] = ports.slice(2 * at) as [number, number];
    return { name, clientPort, peerPort, folder: join(folder, name) };
  });
}
