import type { KeyObject } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { decodeQuestionPacket, draftAnswerPacket } from '../../../core/mesh-time/index.ts';
import { listenError } from '../../../core/process/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import { DeviceKeys } from './device-keys.ts';
import { type DeviceTimeCounts, type MeshAt, noDeviceTimeCounts } from './options.ts';
import { SeenQuestions } from './seen-questions.ts';

export interface UdpAnswersOptions {
  /** Name of this gateway. */
  name: string;
  siteKey: string;
  listen: { host: string; port: number };
  clock: Pick<Clock, 'monotonicMs'>;
  meshAt: MeshAt;
}

/**
 * Answers devices and brokers over UDP, on the main thread: a question that waits for the event loop is stamped late, which shows in the
 * width of what the asker learns and never as an error beyond it. A datagram of somebody who does not hold the key of the device that it
 * names gets no answer.
 */
export class UdpAnswers {
  readonly #options: UdpAnswersOptions;
  readonly #keys: DeviceKeys;
  readonly #seen = new SeenQuestions();
  #socket: Socket | undefined;
  readonly counts: DeviceTimeCounts = noDeviceTimeCounts();

  constructor(options: UdpAnswersOptions) {
    this.#options = options;
    this.#keys = new DeviceKeys(options.siteKey);
  }

  /** Where it listens, once it does. */
  get port(): number | undefined {
    return this.#socket?.address().port;
  }

  /** Rejects with PORT_TAKEN, PORT_UNUSABLE and others. */
  async start(): Promise<void> {
    const { host, port } = this.#options.listen;
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    socket.on('message', (bytes, from) => this.#take(socket, bytes, from));
    socket.bind(port, host);
    try {
      await once(socket, 'listening');
    } catch (error) {
      socket.close();
      throw listenError(error, host, port);
    }
    // What comes back for an answer that could not be delivered; the asker asks again.
    socket.on('error', () => {});
    this.#socket = socket;
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

  #take(socket: Socket, bytes: Buffer, from: RemoteInfo): void {
    const { name, clock, meshAt } = this.#options;
    const arrivedMs = clock.monotonicMs();
    let key: KeyObject | undefined;
    const decoded = decodeQuestionPacket(bytes, (device) => {
      key = this.#keys.keyOf(device);
      return key;
    });
    if ('fault' in decoded || key === undefined) {
      const isForged = 'fault' in decoded && decoded.fault === 'tag';
      this.counts[isForged ? 'forged' : 'malformed'] += 1;
      return;
    }
    const { device, question } = decoded;
    this.#keys.proved(device, key);
    if (!this.#seen.admit(device, question.id)) {
      this.counts.replayed += 1;
      return;
    }
    this.counts.answered += 1;
    const { ms: t2Ms, uncertaintyMs, kind } = meshAt(arrivedMs);
    const finish = draftAnswerPacket(device, { ...question, t2Ms, uncertaintyMs, kind, serverId: name }, key);
    socket.send(finish(meshAt(clock.monotonicMs()).ms), from.port, from.address, () => {});
  }
}
