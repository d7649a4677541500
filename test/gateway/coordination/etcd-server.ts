import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.ts';

/** Debian's etcd, one member, its files in a folder of its own. */
export interface EtcdServer {
  url: string;
  /** SIGSTOP, so that it neither answers nor closes its connections. */
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  /** On the same port, with the same files. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startEtcd(): Promise<EtcdServer> {
  const folder = mkdtempSync(join(tmpdir(), 'lattice-etcd-'));
  const [url, peerUrl] = [await freeUrl(), await freeUrl()];
  let child: ChildProcess | undefined;
  const server: EtcdServer = {
    url,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
    async start() {
      child = spawn('etcd', etcdArguments(folder, url, peerUrl), { stdio: 'ignore' });
      await eventually(async () => {
        const response = await fetch(`${url}/health`);
        if (!(await response.text()).includes('"true"')) throw new Error('etcd is not healthy yet');
      });
    },
    async stop() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

function etcdArguments(folder: string, url: string, peerUrl: string): string[] {
  return [
    ...['--name', 'one', '--data-dir', folder, '--log-level', 'error'],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `one=${peerUrl}`],
    // Leases of one second are possible when an election takes half of that.
    ...['--heartbeat-interval', '50', '--election-timeout', '500'],
  ];
}

async function freeUrl(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
