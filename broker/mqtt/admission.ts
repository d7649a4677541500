import type net from 'node:net';
import type { BrokerLimits } from '../config.ts';
import type { ThrottledLog } from './throttled-log.ts';

export interface AdmissionOptions {
  limits: BrokerLimits;
  log: ThrottledLog;
  /** Told of each socket that was turned away. */
  onRefused: () => void;
}

/**
 * The sockets that are open, whatever they carry. Two bounds: all of them, and those from which no CONNECT was accepted yet,
 * so that strangers cannot take the memory or the places of clients. At a bound the newest is refused.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #open = new Set<net.Socket>();
  readonly #strangers = new Set<net.Socket>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Lets a new socket in, or destroys it. */
  admit(socket: net.Socket): void {
    socket.on('error', () => {});
    const { limits, log, onRefused } = this.#options;
    const { connectionsMax, strangersMax } = limits;
    if (this.#open.size >= connectionsMax || this.#strangers.size >= strangersMax) {
      onRefused();
      const address = socket.remoteAddress ?? 'unknown';
      const fields = { code: 'CONNECTIONS_EXHAUSTED', address, open: this.#open.size, strangers: this.#strangers.size };
      log.warn({ ...fields, connectionsMax, strangersMax }, 'a connection was refused');
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    this.#strangers.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#strangers.delete(socket);
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, limits.tcpKeepaliveMs);
  }

  /** Its CONNECT was accepted: it is a client from now on. */
  accept(socket: net.Socket): void {
    this.#strangers.delete(socket);
  }

  closeAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
