import { once } from 'node:events';
import { connect } from 'node:net';
import { eventually } from '../../support/eventually.ts';

export const ACCOUNT = { username: 'bench', password: 'the load generator' };
/** Below it the account may publish and subscribe; both brokers check that for each message. */
export const TOPICS = 'mesh/v1/#';

/** Brokers that run, for one measurement. */
export interface Running {
  publishPort: number;
  subscribePort: number;
  pids: readonly number[];
  stop(): Promise<void>;
}

/** How the first of two brokers reaches the second: the port that it should dial, given the one that the other listens on. */
export type Route = (targetPort: number) => Promise<number>;

/** What is compared: ours or the peer's, each made of fresh processes with empty folders below the one given. */
export interface Side {
  name: 'Lattice' | 'Mosquitto';
  single(folder: string): Promise<Running>;
  /** Publishers are at the first broker, subscribers at the second. */
  link(folder: string, route: Route): Promise<Running>;
}

/** One broker that runs. */
export interface Started {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/** Publishers at the first, subscribers at the second; of a single broker, both are the same. */
export function runningOf(first: Started, second: Started): Running {
  const all = [...new Set([first, second])];
  return {
    publishPort: first.port,
    subscribePort: second.port,
    pids: all.map(({ pid }) => pid),
    stop: async () => {
      await Promise.all(all.map((broker) => broker.stop()));
    },
  };
}

/** Resolves when somebody listens on the port. */
export async function untilListening(port: number): Promise<void> {
  await eventually(async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect').finally(() => socket.destroy());
  });
}
