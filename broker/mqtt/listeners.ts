import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import type { LatticeError } from '../../core/errors/index.ts';
import { listenError } from '../../core/process/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { BrokerConfig } from '../config.ts';
import { strictDuplex, type ViolationContext } from '../strict/index.ts';

export interface ListenersOptions {
  config: BrokerConfig;
  clock: Clock;
  log: Logger;
  /** Serves MQTT on a stream that carries nothing but valid packets. */
  serve: (stream: Duplex, address: string) => void;
  /** Told of each connection that was refused or cut off before Aedes saw it. */
  onRefused: () => void;
}

export interface Listeners {
  readonly port: number;
  readonly wsPort: number | undefined;
  /** Accepts no more; connections that are open stay. */
  close(): Promise<void>;
}

const FULL_LOG_INTERVAL_MS = 5_000;
/** A WebSocket frame may hold several packets, so its bound is above that of a packet. */
const FRAME_PACKETS = 4;

/** Listens for MQTT over TCP, and over WebSocket if a port is given for it. Throws PORT_TAKEN. */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { config, clock, log } = options;
  const { host, port, wsPort } = config.listen;
  const { limits } = config;
  let open = 0;
  let fullLoggedMs = Number.NEGATIVE_INFINITY;

  const admit = (stream: Duplex, socket: net.Socket): boolean => {
    const address = socket.remoteAddress ?? 'unknown';
    if (open >= limits.connectionsMax) {
      options.onRefused();
      if (clock.monotonicMs() - fullLoggedMs > FULL_LOG_INTERVAL_MS) {
        fullLoggedMs = clock.monotonicMs();
        log.warn({ code: 'CONNECTIONS_EXHAUSTED', address, connectionsMax: limits.connectionsMax }, 'refused');
      }
      stream.destroy();
      return false;
    }
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, limits.tcpKeepaliveMs);
    const onViolation = (error: LatticeError, { clientId }: ViolationContext): void => {
      options.onRefused();
      log.warn({ code: error.code, clientId, address }, error.message);
    };
    const { packetBytesMax, connectPacketBytesMax, connectTimeoutMs } = limits;
    const bounds = { packetBytesMax, connectPacketBytesMax, connectTimeoutMs, clock };
    options.serve(strictDuplex(stream, bounds, onViolation), address);
    return true;
  };

  const tcp = net.createServer((socket) => {
    socket.on('error', () => {});
    admit(socket, socket);
  });
  await listen(tcp, host, port);
  if (wsPort === undefined) return { port: portOf(tcp), wsPort: undefined, close: () => closeServer(tcp) };

  const http = createServer((_request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end());
  const sockets = new WebSocketServer({
    server: http,
    maxPayload: limits.packetBytesMax * FRAME_PACKETS,
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has('mqtt') ? 'mqtt' : false),
  });
  sockets.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    // The subprotocol is mandatory [MQTT-6.0.0-3].
    if (socket.protocol !== 'mqtt') {
      socket.close(1002, 'subprotocol mqtt expected');
      return;
    }
    const stream = createWebSocketStream(socket);
    stream.on('error', () => {});
    admit(stream, request.socket as net.Socket);
  });
  try {
    await listen(http, host, wsPort);
  } catch (error) {
    await closeServer(tcp);
    throw error;
  }
  const close = async (): Promise<void> => {
    sockets.close();
    http.closeAllConnections();
    await Promise.all([closeServer(tcp), closeServer(http)]);
  };
  return { port: portOf(tcp), wsPort: portOf(http), close };
}

async function listen(server: net.Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, host, port);
  }
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
