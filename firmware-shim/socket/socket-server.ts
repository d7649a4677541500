import { once } from 'node:events';
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { codeOf, errnoOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import { READING_LIMITS } from '../../core/wire/index.ts';
import { LineSplitter, TOO_LONG } from './line-splitter.ts';

/**
 * The shim's Unix socket: a line in, `ok` or `error CODE message` out, in order. `ok` means that the reading is synced to
 * disk. Only the user of the shim may connect (mode 0600). A client that sends garbage gets an answer per line.
 */
export interface SocketServerOptions {
  path: string;
  /** Resolves once the line's reading is durable; rejects with a coded error. */
  accept: (line: string) => Promise<void>;
  clientsMax?: number;
}

const CLIENTS_MAX = 64;
const SOCKET_MODE = 0o600;
/** All but the owner's read and write. */
const SOCKET_UMASK = 0o177;

/** Throws REFUSED_FOR_SAFETY when the path is something else than a socket, DATA_LOCKED when somebody listens there. */
export async function listenOnSocket(options: SocketServerOptions): Promise<{ close(): Promise<void> }> {
  const { path, accept, clientsMax = CLIENTS_MAX } = options;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await removeStale(path);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Clients may go at any moment; there is nothing to tell them.
    socket.on('error', () => socket.destroy());
    void serve(socket, accept);
  });
  server.maxConnections = clientsMax;
  await bind(server, path);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function bind(server: Server, path: string): Promise<void> {
  const before = process.umask(SOCKET_UMASK);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
  await chmod(path, SOCKET_MODE);
}

/** A chunk at a time: the next is read when the lines of this one are answered, so a fast client waits for the disk. */
async function serve(socket: Socket, accept: (line: string) => Promise<void>): Promise<void> {
  const splitter = new LineSplitter(READING_LIMITS.payloadBytesMax);
  const answer = async (lines: (string | typeof TOO_LONG)[]): Promise<void> => {
    const answers = await Promise.all(
      lines.filter((line) => line === TOO_LONG || (line !== '' && !line.startsWith('#'))).map(answerTo),
    );
    if (answers.length > 0 && !socket.destroyed && !socket.write(answers.join(''))) await drained(socket);
  };
  const answerTo = async (line: string | typeof TOO_LONG): Promise<string> => {
    try {
      if (line === TOO_LONG) {
        throw new LatticeError('READING_TOO_LARGE', `A line has at most ${READING_LIMITS.payloadBytesMax} bytes.`);
      }
      await accept(line);
      return 'ok\n';
    } catch (error) {
      return `error ${codeOf(error)} ${messageOf(error).replace(/\s+/g, ' ')}\n`;
    }
  };
  try {
    for await (const chunk of socket as AsyncIterable<Uint8Array>) await answer(splitter.push(chunk));
    await answer(splitter.end());
    socket.end();
  } catch {
    socket.destroy();
  }
}

async function drained(socket: Socket): Promise<void> {
  await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
}

/** A socket file outlives a SIGKILL. It is removed only if it is a socket and nobody answers on it. */
async function removeStale(path: string): Promise<void> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new LatticeError('REFUSED_FOR_SAFETY', `${path} exists and is no socket.`);
  if (await answers(path)) throw new LatticeError('DATA_LOCKED', `Another program listens on ${path}.`);
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}
