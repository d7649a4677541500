import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy that can break what goes through it. */
export class FaultProxy {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #targetPort: number;
  #isOpen = true;
  #isStalled = false;
  /** Bytes, both ways, after which the connections are reset; counts down. */
  cutAfterBytes = Number.POSITIVE_INFINITY;
  /** Asked at each new connection for the next cutAfterBytes. */
  nextCut: (() => number) | undefined;
  bytes = 0;
  connections = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async open(targetPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets every connection, and new ones until mend(). */
  cut(): void {
    this.#isOpen = false;
    this.reset();
  }

  /** Resets every connection; new ones pass. */
  reset(): void {
    for (const [a, b] of this.#pairs) {
      a.resetAndDestroy();
      b.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  /** Nothing passes any more, and nobody is told: no FIN, no RST. */
  stall(): void {
    this.#isStalled = true;
  }

  mend(): void {
    this.#isOpen = true;
    this.#isStalled = false;
    this.nextCut = undefined;
    this.cutAfterBytes = Number.POSITIVE_INFINITY;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
  }

  #accept(near: Socket): void {
    near.on('error', () => {});
    if (!this.#isOpen) {
      near.resetAndDestroy();
      return;
    }
    this.connections += 1;
    if (this.nextCut !== undefined) this.cutAfterBytes = this.nextCut();
    const far = connect(this.#targetPort, '127.0.0.1');
    far.on('error', () => near.destroy());
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => this.#pass(chunk, to));
      from.on('close', () => {
        if (this.#isStalled) return;
        this.#pairs.delete(pair);
        to.destroy();
      });
    }
  }

  #pass(chunk: Buffer, to: Socket): void {
    if (this.#isStalled) return;
    this.bytes += chunk.length;
    if (chunk.length > this.cutAfterBytes) {
      to.write(chunk.subarray(0, this.cutAfterBytes));
      this.cutAfterBytes = Number.POSITIVE_INFINITY;
      setImmediate(() => this.reset());
      return;
    }
    this.cutAfterBytes -= chunk.length;
    to.write(chunk);
  }
}
