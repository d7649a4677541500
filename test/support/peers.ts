import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';

/** Real programs that tests drive Lattice with, and the Debian package that each comes from. */
const PEERS = {
  mosquitto_pub: 'mosquitto-clients',
  mosquitto_sub: 'mosquitto-clients',
  mosquitto: 'mosquitto',
  influxd: 'influxdb',
  etcd: 'etcd-server',
  etcdctl: 'etcd-client',
  curl: 'curl',
  chromium: 'chromium',
  chronyd: 'chrony',
  ntpdig: 'ntpsec-ntpdig',
  faketime: 'faketime',
} as const;

export type Peer = keyof typeof PEERS;

/** Servers sit where the path of a plain user does not lead. */
export const PEER_PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;

export function isInstalled(peer: Peer): boolean {
  return spawnSync('sh', ['-c', `command -v ${peer}`], { env: { ...process.env, PATH: PEER_PATH } }).status === 0;
}

/** The packages to install so that no peer is missing. */
export function missingPackages(): string[] {
  const missing = (Object.keys(PEERS) as Peer[]).filter((peer) => !isInstalled(peer));
  return [...new Set(missing.map((peer) => PEERS[peer]))];
}

/**
 * `describe` for tests that need real programs. Missing: under CI=true the tests run and fail; elsewhere they are skipped,
 * and the name says which package to install.
 */
export function describeWithPeers(name: string, peers: readonly Peer[], body: () => void): void {
  const missing = peers.filter((peer) => !isInstalled(peer));
  if (missing.length === 0 || process.env['CI'] === 'true') {
    describe(name, body);
    return;
  }
  const packages = [...new Set(missing.map((peer) => PEERS[peer]))].join(' ');
  describe.skip(`${name} (needs ${missing.join(', ')}: apt-get install ${packages})`, body);
}
