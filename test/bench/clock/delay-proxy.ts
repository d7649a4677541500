import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface Delay {
  /** Every datagram, in each direction. */
  baseMs: number;
  /** Mean of what comes on top, drawn exponentially for each by itself: datagrams overtake each other. */
  jitterMs: number;
}

export interface DelaySettings extends Delay {
  targetPort: number;
  seed: string;
}

/** What the thread is given. */
export interface DelayWorkerData extends DelaySettings {
  /** Datagrams that came from clients. */
  asked: Int32Array;
}

const WORKER = new URL('./delay-worker.ts', import.meta.url);

/** A UDP proxy of this machine that delays: what answers come, go back to who asked. */
export class DelayProxy {
  readonly port: number;
  readonly #worker: Worker;
  readonly #asked: Int32Array;

  private constructor(port: number, worker: Worker, asked: Int32Array) {
    this.port = port;
    this.#worker = worker;
    this.#asked = asked;
  }

  static async open(settings: DelaySettings): Promise<DelayProxy> {
    const asked = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const worker = new Worker(WORKER, { workerData: { ...settings, asked } satisfies DelayWorkerData });
    const [port] = (await once(worker, 'message')) as [number];
    return new DelayProxy(port, worker, asked);
  }

  /** Datagrams that came from clients so far. */
  get asked(): number {
    return Atomics.load(this.#asked, 0);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
