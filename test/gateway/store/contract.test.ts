import { systemClock } from '../../../core/time/index.ts';
import { createStore, type StoreConfig, storeTargetSchema } from '../../../gateway/store/index.ts';
import { type StoreUnderTest, timeSeriesStoreContract } from '../../contract/time-series-store.ts';
import { describeWithPeers } from '../../support/peers.ts';
import { ask, PASSWORD, startEmbedded, startInfluxd, type TestServer, USERNAME } from './servers.ts';

function storeOn(driver: StoreConfig['driver'], start: () => Promise<TestServer>): () => Promise<StoreUnderTest> {
  return async () => {
    const server = await start();
    return {
      config: storeTargetSchema.parse({ driver, url: server.url, username: USERNAME, password: PASSWORD }),
      open: (config) => createStore(config, { clock: systemClock }),
      askExact: async (q, db) => (await ask(server.url, { q, db, epoch: 'ns' })).text,
      stop: () => server.stop(),
    };
  };
}

timeSeriesStoreContract('embedded driver, embedded store', storeOn('embedded', startEmbedded));
timeSeriesStoreContract('influx driver, embedded store', storeOn('influx', startEmbedded));

describeWithPeers('with influxd', ['influxd'], () => {
  timeSeriesStoreContract('embedded driver, influxd', storeOn('embedded', startInfluxd));
  timeSeriesStoreContract('influx driver, influxd', storeOn('influx', startInfluxd));
});
