import { collectDefaultMetrics, Registry } from 'prom-client';

/** A page for Prometheus. */
export interface MetricsPage {
  contentType: string;
  text(): Promise<string>;
}

/**
 * The metrics of this process, and those that `fill` puts into an empty registry for each page: so two pages that are read at
 * once cannot mix.
 */
export function metricsPage(fill: (registry: Registry) => void | Promise<void>): MetricsPage {
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  return {
    contentType: ofProcess.contentType,
    async text() {
      const registry = new Registry();
      await fill(registry);
      const pages = await Promise.all([ofProcess.metrics(), registry.metrics()]);
      return pages.join('\n');
    },
  };
}
