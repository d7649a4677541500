import { EmbeddedStoreClient } from './embedded-client/index.ts';
import { InfluxStore } from './influx/index.ts';
import type { StoreConfig, StoreDeps } from './target.ts';
import type { TimeSeriesStore } from './types.ts';

/** The store of a configuration. Nothing is sent before the first call. */
export function createStore(config: StoreConfig, deps: StoreDeps): TimeSeriesStore {
  return config.driver === 'influx' ? new InfluxStore(config, deps) : new EmbeddedStoreClient(config, deps);
}
