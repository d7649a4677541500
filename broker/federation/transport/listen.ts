import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { LatticeError } from '../../../core/errors/index.ts';
import { listenError } from '../../../core/process/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import type { LinkAddress } from './address.ts';
import { Connection, WRITE_BYTES_MAX } from './connection.ts';
import { LINK_SUBPROTOCOL } from './dial.ts';
import { linkError } from './link-error.ts';
import { Strangers } from './strangers.ts';
import { type LinkTls, readTlsFiles } from './tls-files.ts';

export interface ListenOptions {
  clock: Clock;
  /** certFile and keyFile are needed for TLS; caFile makes every dialer show a certificate. */
  tls?: LinkTls | undefined;
  /** Sockets in their TLS or WebSocket handshake; one more takes the place of an older one, which is told to onRefused. See strangers.ts. */
  strangersMax?: number;
  /** How long that handshake may take. */
  handshakeMsMax?: number;
  /** Told of each socket that did not come to be a connection. */
  onRefused?: (error: LatticeError, remoteAddress: string) => void;
}

export interface LinkListener {
  readonly host: string;
  readonly port: number;
  /** Accepts no more, and ends sockets in their handshake; connections that were handed over stay. Safe twice. */
  close(): void;
}

/** Listens for other brokers. Rejects with PORT_TAKEN, or with LINK_CERTIFICATE when a file of `tls` is missing or no good. */
export async function listen(
  address: LinkAddress,
  { clock, tls: files = {}, strangersMax = 64, handshakeMsMax = 5_000, onRefused = () => {} }: ListenOptions,
  onConnection: (connection: Connection) => void,
): Promise<LinkListener> {
  const strangers = new Strangers<string, net.Socket>(strangersMax);
  const handOver = (stream: Duplex, socket: net.Socket): void => {
    strangers.delete(keyOf(socket));
    socket.setNoDelay(true);
    onConnection(new Connection(stream, clock, addressOf(socket)));
  };
  const server = createServer(address, files, handshakeMsMax, handOver);
  // In front of the server's own listener, which begins the handshake.
  server.prependListener('connection', (socket: net.Socket) => {
    socket.on('error', () => {});
    const [key, address] = [keyOf(socket), addressOf(socket)];
    socket.once('close', () => strangers.delete(key));
    const leaving = strangers.add(key, socket, address);
    if (leaving === undefined) return;
    const text = `It gave way to another, since ${strangersMax} have not proven who they are.`;
    onRefused(new LatticeError('LINK_REFUSED', text), addressOf(leaving));
    leaving.destroy();
  });
  server.on('tlsClientError', (error: Error, socket: tls.TLSSocket) => {
    onRefused(linkError(error), addressOf(socket));
    // After its handshake's timeout Node leaves it open.
    socket.destroy();
  });
  server.listen(address.port, address.host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, address.host, address.port);
  }
  server.on('error', (error) => onRefused(linkError(error), address.host));
  const bound = server.address() as net.AddressInfo;
  const close = (): void => {
    server.close();
    for (const socket of strangers.all()) socket.destroy();
  };
  return { host: bound.address, port: bound.port, close };
}

function createServer(
  { isTls, isWebSocket }: LinkAddress,
  files: LinkTls,
  handshakeTimeout: number,
  handOver: (stream: Duplex, socket: net.Socket) => void,
): net.Server {
  const times = { headersTimeout: handshakeTimeout, requestTimeout: handshakeTimeout };
  if (!isTls) {
    if (!isWebSocket) return net.createServer((socket) => handOver(socket, socket));
    return upgrading(createHttpServer(times, answerPlainRequest), handOver);
  }
  if (files.certFile === undefined) {
    throw new LatticeError('LINK_CERTIFICATE', 'Links over TLS need certFile and keyFile where the broker listens.');
  }
  const isMutual = files.caFile !== undefined;
  const secure = { ...readTlsFiles(files), requestCert: isMutual, rejectUnauthorized: isMutual, handshakeTimeout };
  if (!isWebSocket) return tls.createServer(secure, (socket) => handOver(socket, socket));
  return upgrading(createHttpsServer({ ...secure, ...times }, answerPlainRequest), handOver);
}

function upgrading(server: HttpServer, handOver: (stream: Duplex, socket: net.Socket) => void): HttpServer {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: WRITE_BYTES_MAX, perMessageDeflate: false });
  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    // Until the WebSocket takes over, and after it has let go, nobody else listens.
    socket.on('error', () => {});
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
    if (!offered.includes(LINK_SUBPROTOCOL)) {
      socket.once('finish', () => socket.destroy());
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      handOver(createWebSocketStream(webSocket), request.socket);
    });
  });
  return server;
}

function answerPlainRequest(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'close' }).end();
}

function addressOf(socket: net.Socket): string {
  return socket.remoteAddress ?? 'unknown';
}

/** A TLS socket is another object than the TCP socket below it; the addresses are the same. */
function keyOf({ localAddress, remoteAddress, remotePort }: net.Socket): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`;
}
