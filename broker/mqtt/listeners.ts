import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { codeOf, type LatticeError, messageOf } from '../../core/errors/index.ts';
import { listenError } from '../../core/process/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { BrokerConfig, BrokerLimits } from '../config.ts';
import { type StrictStream, strictDuplex, TurnEnd, type ViolationContext } from '../strict/index.ts';
import { Admission } from './admission.ts';
import { type SharedRead, sharedReader } from './shared-read.ts';
import { ThrottledLog } from './throttled-log.ts';

export interface ListenersOptions {
  config: BrokerConfig;
  clock: Clock;
  log: Logger;
  /** Serves MQTT on a stream that carries nothing but valid packets. */
  serve: (stream: StrictStream, address: string) => void;
  /** Told of each connection that was refused or cut off before Aedes saw it. */
  onRefused: () => void;
}

export interface Listeners {
  readonly port: number;
  readonly wsPort: number | undefined;
  /** Accepts no more; connections that are open stay. */
  refuse(): void;
  /** The same, and ends every connection. */
  close(): Promise<void>;
}

/** Listens for MQTT over TCP, and over WebSocket if a port is given for it. Throws PORT_TAKEN. */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { config, clock, log } = options;
  const { host, port, wsPort } = config.listen;
  const { limits } = config;
  const throttled = new ThrottledLog(log, clock);
  const turnEnd = new TurnEnd();
  const admission = new Admission({ limits, log: throttled, onRefused: options.onRefused });

  const serve = (stream: Duplex, socket: net.Socket, onChunk?: SharedRead['onChunk']): void => {
    const address = socket.remoteAddress ?? 'unknown';
    const onViolation = (error: LatticeError, { clientId }: ViolationContext): void => {
      options.onRefused();
      throttled.warn({ code: error.code, clientId, address }, error.message);
    };
    const { packetBytesMax, connectPacketBytesMax, connectTimeoutMs } = limits;
    const onAccepted = (): void => admission.accept(socket);
    const bounds = { packetBytesMax, connectPacketBytesMax, connectTimeoutMs, clock, onAccepted, turnEnd, onChunk };
    options.serve(strictDuplex(stream, bounds, onViolation), address);
  };

  const readShared = sharedReader();
  const tcp = net.createServer({ pauseOnConnect: true }, (accepted) => {
    const { socket, onChunk } = readShared(accepted);
    admission.admit(socket);
    if (!socket.destroyed) serve(socket, socket, onChunk);
  });
  await listen(tcp, host, port, log);
  const servers: net.Server[] = [tcp];
  if (wsPort !== undefined) {
    const http = webSocketServer(limits, serve);
    http.prependListener('connection', (socket: net.Socket) => admission.admit(socket));
    try {
      await listen(http, host, wsPort, log);
    } catch (error) {
      admission.closeAll();
      await closeServer(tcp);
      throw error;
    }
    servers.push(http);
  }
  let closing: Promise<unknown> | undefined;
  const refuse = (): void => {
    closing ??= Promise.all(servers.map(closeServer));
  };
  const close = async (): Promise<void> => {
    refuse();
    admission.closeAll();
    await closing;
  };
  const [, http] = servers;
  return { port: portOf(tcp), wsPort: http === undefined ? undefined : portOf(http), refuse, close };
}

/** An HTTP server that upgrades to WebSocket with the subprotocol `mqtt`, which is mandatory [MQTT-6.0.0-3], and to nothing else. */
function webSocketServer(limits: BrokerLimits, serve: (stream: Duplex, socket: net.Socket) => void): Server {
  const http = createServer(
    { headersTimeout: limits.connectTimeoutMs, requestTimeout: limits.connectTimeoutMs },
    (_request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end(),
  );
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.packetBytesMax,
    perMessageDeflate: false,
    handleProtocols: () => 'mqtt',
  });
  http.on('upgrade', (request, socket, head) => {
    // Until the WebSocket takes over, and after it has let go, nobody else listens.
    socket.on('error', () => {});
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
    if (!offered.includes('mqtt')) {
      socket.once('finish', () => socket.destroy());
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => {});
      const stream = createWebSocketStream(webSocket);
      stream.on('error', () => {});
      serve(stream, request.socket);
    });
  });
  return http;
}

async function listen(server: net.Server, host: string, port: number, log: Logger): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, host, port);
  }
  server.on('error', (error) => log.error({ code: codeOf(error), error: messageOf(error), port }, 'a listener failed'));
}

function portOf(server: net.Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function closeServer(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
