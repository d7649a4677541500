import { EmbeddedStoreClient } from './embedded-client/index.ts';
import { InfluxStore } from './influx/index.ts';
import type { StoreConfig, StoreDeps } from './target.ts';
import type { FencedStore, TimeSeriesStore } from './types.ts';

/** The store of a configuration. Nothing is sent before the first call. */
export function createStore(config: StoreConfig, deps: StoreDeps): TimeSeriesStore {
  return config.driver === 'influx' ? new InfluxStore(config, deps) : new EmbeddedStoreClient(config, deps);
}

/** The store as one that checks fencing tokens; undefined when it is not. */
export function asFencedStore(store: TimeSeriesStore): FencedStore | undefined {
  return store instanceof EmbeddedStoreClient ? store : undefined;
}
