import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PEER_PATH } from '../../../support/peers.ts';

const run = promisify(execFile);
const env = { ...process.env, PATH: PEER_PATH, LC_ALL: 'C' };

/** What Debian's chronyd, which sets nothing, finds the machine's clock to be off by against that server, in ms. Rejects when it finds none. */
export async function chronydOffsetMs(port: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'lattice-chronyd-'));
  try {
    const directives = [
      `server 127.0.0.1 port ${port} iburst`,
      `pidfile ${join(folder, 'pid')}`,
      'cmdport 0',
      'bindcmdaddress /',
    ];
    const args = ['-Q', '-t', '10', '-U', '-u', userInfo().username, '-F', '0', ...directives];
    const { stdout, stderr } = await run('chronyd', args, { env });
    const said = /wrong by (-?[\d.]+) seconds/.exec(stdout + stderr)?.[1];
    if (said === undefined) throw new Error(`chronyd found no offset: ${stdout}${stderr}`);
    return Number(said) * 1_000;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** ntpdig, of Debian's own Python, can only ask port 123, so the port is put in as it looks up the host. */
const NTPDIG_AT_PORT = `
import runpy, shutil, socket, sys
real, port = socket.getaddrinfo, int(sys.argv[1])
socket.getaddrinfo = lambda host, _, *rest: real(host, port, *rest)
sys.argv = ['ntpdig'] + sys.argv[2:]
runpy.run_path(shutil.which('ntpdig'), run_name='__main__')
`;

export interface NtpdigAnswer {
  offset: number;
  precision: number;
  host: string;
  stratum: number;
  leap: string;
}

/** Rejects when ntpdig finds no server that it accepts. */
export async function ntpdig(port: number): Promise<NtpdigAnswer> {
  const { stdout } = await run(
    '/usr/bin/python3',
    ['-c', NTPDIG_AT_PORT, String(port), '-j', '-t', '2', '-p', '4', '127.0.0.1'],
    { env },
  );
  return JSON.parse(stdout) as NtpdigAnswer;
}
