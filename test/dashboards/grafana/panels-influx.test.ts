import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../../core/time/index.ts';
import { InfluxStore } from '../../../gateway/store/influx/index.ts';
import { storeTargetSchema } from '../../../gateway/store/target.ts';
import type { TimeSeriesStore } from '../../../gateway/store/types.ts';
import { describeWithPeers } from '../../support/peers.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { everyPanelHasData } from '../support/panel-suite.ts';

describeWithPeers('dashboards over InfluxDB', ['influxd'], () => {
  let influxd: Influxd;
  let store: TimeSeriesStore;

  beforeAll(async () => {
    influxd = await startInfluxd();
    store = new InfluxStore(storeTargetSchema.parse({ driver: 'influx', url: influxd.url }), { clock: systemClock });
  }, 30_000);

  afterAll(async () => {
    await store?.close();
    await influxd?.stop();
  });

  everyPanelHasData(() => store);
});
