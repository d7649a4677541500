import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PEER_PATH } from '../../support/peers.ts';
import type { MemberSpec } from './member-spec.ts';
import type { Contender } from './places.ts';

const MEMBER = fileURLToPath(new URL('./member.ts', import.meta.url));

/** Our gateways' group, with its defaults. */
export const LATTICE: Contender = latticeWith({});

/** The same with event loops that are blocked; see blocked.ts. */
export function latticeWith(faults: Pick<MemberSpec, 'blocked'>): Contender {
  return {
    label: 'Lattice',
    commandOf: (place, all) => {
      const members = all.map(({ name, peerPort }) => ({ name, address: `127.0.0.1:${peerPort}` }));
      const spec: MemberSpec = { place, members, ...faults };
      return { file: process.execPath, args: [MEMBER, JSON.stringify(spec)] };
    },
  };
}

export const ETCD_DEFAULT: Contender = etcdWith('etcd, default timers', []);
/** The timers of ours: a heartbeat each 30 ms, elections from 150 ms on. */
export const ETCD_FAST: Contender = etcdWith('etcd, 30/150 ms', ['--heartbeat-interval=30', '--election-timeout=150']);

export function etcdVersion(): string {
  const text = execFileSync('etcd', ['--version'], { encoding: 'utf8', env: { ...process.env, PATH: PEER_PATH } });
  return /etcd Version: (\S+)/.exec(text)?.[1] ?? 'of an unknown version';
}

function etcdWith(label: string, timers: readonly string[]): Contender {
  return {
    label,
    commandOf: ({ name, clientPort, peerPort, folder }, all) => ({
      file: 'etcd',
      args: [
        `--name=${name}`,
        `--data-dir=${folder}`,
        `--listen-client-urls=${url(clientPort)}`,
        `--advertise-client-urls=${url(clientPort)}`,
        `--listen-peer-urls=${url(peerPort)}`,
        `--initial-advertise-peer-urls=${url(peerPort)}`,
        `--initial-cluster=${all.map((each) => `${each.name}=${url(each.peerPort)}`).join(',')}`,
        '--initial-cluster-token=failover',
        '--logger=zap',
        '--log-level=error',
        ...timers,
      ],
    }),
  };
}

function url(port: number): string {
  return `http://127.0.0.1:${port}`;
}
