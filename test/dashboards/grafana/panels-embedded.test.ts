import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe } from 'vitest';
import { derivedPassword } from '../../../core/identity/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import {
  createStore,
  type StoreService,
  startStore,
  storeConfigSchema,
  storeTargetSchema,
  type TimeSeriesStore,
} from '../../../gateway/store/index.ts';
import { SITE, SITE_KEY } from '../support/mesh.ts';
import { everyPanelHasData } from '../support/panel-suite.ts';

describe('dashboards over the embedded store', () => {
  let dataDir: string;
  let service: StoreService;
  let store: TimeSeriesStore;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'lattice-panels-'));
    const config = storeConfigSchema.parse({ site: SITE, dataDir, listen: { port: 0 }, siteKey: SITE_KEY });
    service = await startStore(config, { clock: systemClock, log: pino({ level: 'silent' }) });
    const credentials = { username: 'gateway-1', password: derivedPassword(SITE_KEY, 'gateway', 'gateway-1') };
    store = createStore(storeTargetSchema.parse({ url: service.detail.url, ...credentials }), { clock: systemClock });
  });

  afterAll(async () => {
    await store?.close();
    await service?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  everyPanelHasData(() => store);
});
