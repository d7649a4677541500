import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LatticeError } from '../../core/errors/index.ts';
import { listenOnSocket } from '../../firmware-shim/socket/socket-server.ts';
import { eventually } from '../support/eventually.ts';
import { SocketClient } from './socket-client.ts';

describe("the shim's socket", () => {
  let folder: string;
  let path: string;
  let server: { close(): Promise<void> } | undefined;
  const clients: SocketClient[] = [];
  const accepted: string[] = [];
  const accept = async (line: string): Promise<void> => {
    if (line === 'bad') throw new LatticeError('SOCKET_INPUT', 'not\nthis.');
    accepted.push(line);
  };
  const client = (): SocketClient => {
    const made = new SocketClient(path);
    clients.push(made);
    return made;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-socket-'));
    path = join(folder, 'in', 'readings.sock');
    accepted.length = 0;
  });
  afterEach(async () => {
    for (const one of clients.splice(0)) one.close();
    await server?.close();
    server = undefined;
    await rm(folder, { recursive: true });
  });

  it('answers each line in order, whole or in pieces, and the last without a newline', async () => {
    server = await listenOnSocket({ path, accept });
    const one = client();
    one.write('first\nbad\n\n# comment\nsec');
    await eventually(() => expect(one.answers).toHaveLength(2));
    one.write('ond\nlast');
    one.socket.end();
    await eventually(() => expect(one.answers).toEqual(['ok', 'error SOCKET_INPUT not this.', 'ok', 'ok']));
    expect(accepted).toEqual(['first', 'second', 'last']);
  });

  it('throws a line away that has no end, and hears the next; other clients notice nothing', async () => {
    server = await listenOnSocket({ path, accept });
    const [noisy, quiet] = [client(), client()];
    noisy.write('x'.repeat(200_000));
    quiet.write('hello\n');
    await eventually(() => expect(quiet.answers).toEqual(['ok']));
    noisy.write('x\nafter\ntoo-long\n');
    await eventually(() => expect(noisy.answers).toHaveLength(3));
    expect(noisy.answers[0]).toContain('error READING_TOO_LARGE');
    expect(noisy.answers.slice(1)).toEqual(['ok', 'ok']);
  });

  it('is for its owner alone', async () => {
    server = await listenOnSocket({ path, accept });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('takes the place of a socket that nobody listens on, not of one that is used, nor of a file', async () => {
    server = await listenOnSocket({ path, accept });
    await expect(listenOnSocket({ path, accept })).rejects.toMatchObject({ code: 'DATA_LOCKED' });
    const file = join(folder, 'file');
    await writeFile(file, 'precious');
    await expect(listenOnSocket({ path: file, accept })).rejects.toMatchObject({ code: 'REFUSED_FOR_SAFETY' });
  });

  it('refuses more clients than it allows', async () => {
    server = await listenOnSocket({ path, accept, clientsMax: 1 });
    const first = client();
    first.write('a\n');
    await eventually(() => expect(first.answers).toEqual(['ok']));
    const second = client();
    await eventually(() => expect(second.socket.closed).toBe(true));
    first.write('b\n');
    await eventually(() => expect(first.answers).toEqual(['ok', 'ok']));
  });
});
