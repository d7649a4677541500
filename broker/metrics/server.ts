import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { letReadersIn, metricsPage } from '../../core/http/index.ts';
import type { Authenticator } from '../../core/identity/index.ts';
import { listenError } from '../../core/process/index.ts';
import type { BrokerHealth } from '../../core/wire/index.ts';
import { fillMetrics, type StampMetrics } from './metrics.ts';

export interface MetricsConfig {
  host: string;
  /** 0 lets the system choose. */
  port: number;
}

export interface MetricsServerOptions {
  config: MetricsConfig;
  authenticator: Authenticator;
  /** Measured for each page of metrics. */
  health: () => BrokerHealth;
  stamps: StampMetrics;
  /** What anybody may ask at any rate, so it must cost next to nothing. */
  alive: () => { id: string; isDraining: boolean };
}

/** The broker's HTTP: /metrics for Prometheus, as HTTP Basic lets readers in, and /health, which is open. */
export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #app: FastifyInstance = Fastify({ logger: false, bodyLimit: 1_024 });

  constructor(options: MetricsServerOptions) {
    this.#options = options;
    const { authenticator, health, stamps, alive } = options;
    const metrics = metricsPage((registry) => fillMetrics(registry, health(), stamps));
    letReadersIn(this.#app, authenticator, '/health');
    this.#app.get('/health', () => {
      const { id, isDraining } = alive();
      return { id, ok: !isDraining, isDraining };
    });
    this.#app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  }

  /** Undefined while it does not listen. */
  get port(): number | undefined {
    return (this.#app.server.address() as AddressInfo | null)?.port;
  }

  /** Throws PORT_TAKEN. */
  async start(): Promise<void> {
    const { host, port } = this.#options.config;
    try {
      await this.#app.listen({ host, port });
    } catch (error) {
      throw listenError(error, host, port);
    }
  }

  /** Safe twice, and without a start. */
  async stop(): Promise<void> {
    await this.#app.close();
  }
}
