import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Logger } from 'pino';
import { LatticeError, messageOf } from '../../../core/errors/index.ts';
import { listenError } from '../../../core/process/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import type { RateLimits } from './rate-limit.ts';
import { type MeshReading, Responder, type ResponderCounters } from './responder.ts';

export interface NtpServerOptions {
  /** 127.0.0.1 unless told; an IPv6 address of none (`::`) takes IPv4 too. */
  host?: string;
  /** 0 takes any. NTP's own is 123. */
  port: number;
  meshAt(monotonicMs: number): MeshReading;
  clock: Clock;
  log: Logger;
  rate?: RateLimits;
}

export interface NtpServerCounters extends ResponderCounters {
  /** Addresses that were forgotten for new ones. */
  addressesForgotten: number;
  /** Replies that the system did not send. */
  sendFailed: number;
  /** Faults of the socket; it goes on. */
  socketErrors: number;
}

/** A small SNTP server, by which any NTP client of the site can follow mesh time. */
export class NtpServer {
  readonly #options: NtpServerOptions;
  readonly #responder: Responder;
  #socket: Socket | undefined;
  #sendFailed = 0;
  #socketErrors = 0;

  constructor(options: NtpServerOptions) {
    this.#options = options;
    const { clock, meshAt, rate } = options;
    this.#responder = new Responder({
      meshAt,
      monotonicMs: () => clock.monotonicMs(),
      ...(rate === undefined ? {} : { rate }),
    });
  }

  /** Where it listens, once started. */
  get address(): { host: string; port: number } {
    if (this.#socket === undefined) throw new LatticeError('INTERNAL', 'The NTP server has not been started.');
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  get counters(): Readonly<NtpServerCounters> {
    return { ...this.#responder.counters, sendFailed: this.#sendFailed, socketErrors: this.#socketErrors };
  }

  /** Safe twice. Rejects with PORT_TAKEN, or the system's own error. */
  async start(): Promise<void> {
    if (this.#socket !== undefined) return;
    const { host = '127.0.0.1', port, clock, log } = this.#options;
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('message', (datagram, from) => {
      const receivedMonotonicMs = clock.monotonicMs();
      const reply = this.#responder.reply(datagram, from.address, receivedMonotonicMs);
      if (reply === undefined) return;
      socket.send(reply, from.port, from.address, (error) => {
        if (error !== null) this.#sendFailed += 1;
      });
    });
    socket.bind(port, host);
    try {
      await once(socket, 'listening');
    } catch (error) {
      this.#socket = undefined;
      socket.close();
      throw listenError(error, host, port);
    }
    socket.on('error', (error) => {
      this.#socketErrors += 1;
      log.warn({ reason: messageOf(error) }, 'a fault of the NTP socket');
    });
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  }
}
