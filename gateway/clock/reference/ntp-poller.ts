import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type BackoffBounds, backoffMs } from '../../../core/device-link/index.ts';
import { messageOf } from '../../../core/errors/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Clock, Timer } from '../../../core/time/index.ts';
import type { Association } from '../ntp/index.ts';

/** Between two sockets, after a fault. A server that is told not to be there is not asked more often than that. */
export const REOPEN_BACKOFF: BackoffBounds = { firstMs: 1_000, lastMs: 64_000 };

/** Requests in a row without a sample, after which the name is resolved again: the server may have moved. */
const SILENT_REQUESTS_MAX = 8;

export type Resolve = (host: string) => Promise<{ address: string; family: number }>;

export interface NtpPollerOptions {
  server: { host: string; port: number };
  association: Association;
  clock: Clock;
  random: Random;
  resolve: Resolve;
  backoff: BackoffBounds;
  /** A sample has come. */
  onSample(): void;
  /** A request has been sent, was refused, or could not be sent. */
  onChange(): void;
}

/**
 * Asks one server over a socket of its own, with a port of its own, which takes datagrams from that server alone. After a fault
 * of the socket or of its name it waits and opens another.
 */
export class NtpPoller {
  readonly #options: NtpPollerOptions;
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #state: 'new' | 'started' | 'stopped' = 'new';
  #faults = 0;
  #silentRequests = 0;
  #address: string | undefined;
  #trouble: string | undefined;

  constructor(options: NtpPollerOptions) {
    this.#options = options;
  }

  /** IP address and port, of the last socket. */
  get address(): string | undefined {
    return this.#address;
  }

  /** What the system last said against it, until a sample comes. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    void this.#open();
  }

  stop(): void {
    this.#state = 'stopped';
    this.#close();
  }

  /** Never rejects. */
  async #open(): Promise<void> {
    const { server, resolve } = this.#options;
    let socket: Socket | undefined;
    try {
      const { address, family } = await resolve(server.host);
      if (this.#state !== 'started') return;
      socket = createSocket(family === 6 ? 'udp6' : 'udp4');
      this.#socket = socket;
      socket.connect(server.port, address);
      await once(socket, 'connect');
      if (this.#socket !== socket) return;
      this.#address = addressOf(address, server.port);
    } catch (error) {
      if (this.#state !== 'started') return;
      this.#options.association.missed();
      this.#onFault(error);
      return;
    }
    const opened = socket;
    opened.on('message', (datagram) => {
      const receivedMonotonicMs = this.#options.clock.monotonicMs();
      this.#onDatagram(datagram, receivedMonotonicMs);
    });
    opened.on('error', (error) => {
      if (this.#socket === opened) this.#onFault(error);
    });
    this.#silentRequests = 0;
    this.#ask(opened);
  }

  #ask(socket: Socket): void {
    const { association, clock, onChange } = this.#options;
    if (this.#silentRequests >= SILENT_REQUESTS_MAX) {
      this.#close();
      void this.#open();
      return;
    }
    this.#silentRequests += 1;
    socket.send(association.request(clock.monotonicMs()), (error) => {
      if (error !== null && this.#socket === socket) this.#onFault(error);
    });
    this.#askLater(socket);
    onChange();
  }

  #askLater(socket: Socket): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(this.#options.association.waitMs, () => this.#ask(socket));
  }

  #onDatagram(datagram: Buffer, receivedMonotonicMs: number): void {
    const { association, onSample, onChange } = this.#options;
    const socket = this.#socket;
    // The last datagrams of a socket may come after its end.
    if (socket === undefined) return;
    const { rejected } = association.receive(datagram, receivedMonotonicMs);
    if (rejected === undefined) {
      this.#faults = 0;
      this.#silentRequests = 0;
      this.#trouble = undefined;
      onSample();
      return;
    }
    if (association.isEnded) this.#close();
    else if (rejected === 'kissRate') this.#askLater(socket);
    onChange();
  }

  #onFault(error: unknown): void {
    const { clock, random, backoff, onChange } = this.#options;
    this.#trouble = messageOf(error);
    this.#close();
    this.#timer = clock.setTimer(backoffMs(this.#faults, random, backoff), () => void this.#open());
    this.#faults += 1;
    onChange();
  }

  #close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    // A socket may still have a fault to tell after it was closed.
    socket?.on('error', () => {});
    socket?.close();
  }
}

function addressOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
