import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { decodeAnswerPacket, encodeQuestionPacket, type TimeQuestion, timePacketKey } from '../mesh-time/index.ts';
import { FollowedClock, type FollowedClockOptions } from './followed-clock.ts';
import { formatTimeServer, type TimeServer } from './time-server.ts';

export interface UdpTimeOptions extends Omit<FollowedClockOptions, 'ask' | 'servers'> {
  servers: readonly TimeServer[];
  /** The account of whoever asks: a device's name, and the password that the site key gives it. */
  device: string;
  password: string;
}

type Family = 'udp4' | 'udp6';

/** Follows the mesh's time by authenticated datagrams to the gateways. What is lost or refused on the way shows as silence. */
export class UdpTime {
  readonly clock: FollowedClock;
  readonly #options: UdpTimeOptions;
  readonly #servers: ReadonlyMap<string, TimeServer>;
  readonly #sockets = new Map<Family, Socket>();
  readonly #key;

  constructor(options: UdpTimeOptions) {
    this.#options = options;
    this.#key = timePacketKey(options.password);
    this.#servers = new Map(options.servers.map((server) => [formatTimeServer(server), server]));
    this.clock = new FollowedClock({
      ...options,
      servers: [...this.#servers.keys()],
      ask: (server, question) => this.#ask(server, question),
    });
  }

  start(): void {
    this.clock.start();
  }

  /** Safe twice. */
  stop(): void {
    this.clock.stop();
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #ask(name: string, question: TimeQuestion): void {
    const { host, port } = this.#servers.get(name) as TimeServer;
    const bytes = encodeQuestionPacket(this.#options.device, question, this.#key);
    this.#socket(isIPv6(host) ? 'udp6' : 'udp4').send(bytes, port, host, () => {});
  }

  #socket(family: Family): Socket {
    const open = this.#sockets.get(family);
    if (open !== undefined) return open;
    const socket = createSocket(family);
    socket.on('message', (bytes) => this.#heard(bytes));
    // One that broke is closed; the next question opens another.
    socket.on('error', () => {
      if (this.#sockets.get(family) !== socket) return;
      this.#sockets.delete(family);
      socket.close();
    });
    this.#sockets.set(family, socket);
    return socket;
  }

  #heard(bytes: Buffer): void {
    const receivedMs = this.clock.monotonicMs();
    const decoded = decodeAnswerPacket(bytes, this.#options.device, this.#key);
    if ('answer' in decoded) this.clock.answered(decoded.answer, receivedMs);
    else this.clock.malformed();
  }
}
