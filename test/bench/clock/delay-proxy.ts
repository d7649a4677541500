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

const WORKER = new URL('./delay-worker.ts', import.meta.url);

/** A UDP proxy of this machine that delays: what answers come, go back to who asked. */
export class DelayProxy {
  readonly port: number;
  readonly #worker: Worker;

  private constructor(port: number, worker: Worker) {
    this.port = port;
    this.#worker = worker;
  }

  static async open(settings: DelaySettings): Promise<DelayProxy> {
    const worker = new Worker(WORKER, { workerData: settings });
    const [port] = (await once(worker, 'message')) as [number];
    return new DelayProxy(port, worker);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
