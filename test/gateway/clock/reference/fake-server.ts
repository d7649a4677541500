import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { systemClock } from '../../../../core/time/index.ts';
import { decodePacket, encodePacket, type NtpPacket } from '../../../../gateway/clock/ntp/packet.ts';
import { stampOfMs } from '../../../../gateway/clock/ntp/stamp.ts';

/** UTC minus monotonic, in truth: for tests in one process any number will do. */
export const TRUE_OFFSET_MS = 1_790_000_000_000;

/** What a server sends for a request; each of them at once. */
export type Answer = (request: NtpPacket, from: RemoteInfo) => (Partial<NtpPacket> | Buffer)[];

/** An NTP server that is as wrong, and as rude, as it is told to be. */
export class FakeServer {
  readonly #socket: Socket;
  readonly requests: NtpPacket[] = [];
  answer: Answer = () => [{}];
  /** Its clock minus UTC. */
  aheadMs = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (datagram, from) => this.#onRequest(datagram, from));
  }

  static async open({ port = 0, host = '127.0.0.1', aheadMs = 0 } = {}): Promise<FakeServer> {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.bind(port, host);
    await once(socket, 'listening');
    const server = new FakeServer(socket);
    server.aheadMs = aheadMs;
    return server;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** A reply as an honest server would give it now, but for what is changed. */
  reply(request: NtpPacket, change: Partial<NtpPacket> = {}): Buffer {
    const now = stampOfMs(systemClock.monotonicMs() + TRUE_OFFSET_MS + this.aheadMs);
    return encodePacket({
      ...request,
      mode: 4,
      stratum: 2,
      precisionLog2S: -20,
      refid: 0x7f_00_00_01,
      origin: request.transmit,
      reference: now,
      receive: now,
      transmit: now,
      ...change,
    });
  }

  send(datagram: Buffer, to: RemoteInfo): void {
    this.#socket.send(datagram, to.port, to.address);
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  #onRequest(datagram: Buffer, from: RemoteInfo): void {
    const { packet } = decodePacket(datagram) as { packet: NtpPacket };
    this.requests.push(packet);
    for (const answer of this.answer(packet, from)) {
      this.send(Buffer.isBuffer(answer) ? answer : this.reply(packet, answer), from);
    }
  }
}
