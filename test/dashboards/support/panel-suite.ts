import { expect, it } from 'vitest';
import { checkPanels } from '../../../dashboards/grafana/index.ts';
import type { TimeSeriesStore } from '../../../gateway/store/types.ts';
import { meshPoints } from './points.ts';

const SPAN_MS = 10 * 60_000;

/** Every panel of every dashboard must find data, and the check must notice when one does not. */
export function everyPanelHasData(storeOf: () => TimeSeriesStore): void {
  const nowMs = Date.now();

  it('gives data for every panel and every variable', async () => {
    const store = storeOf();
    await store.ensureDatabase();
    expect(await store.write(meshPoints(nowMs - SPAN_MS, nowMs))).toEqual({ rejected: [] });
    const results = await checkPanels((statement) => store.query(statement), { nowMs, spanMs: SPAN_MS });
    expect(results.length).toBeGreaterThan(40);
    expect(results.filter(({ values, fault }) => values === 0 || fault !== undefined)).toEqual([]);
  });

  it('reports the panels of a time span without readings', async () => {
    const store = storeOf();
    const beforeAnything = nowMs - 100 * SPAN_MS;
    const results = await checkPanels((statement) => store.query(statement), {
      nowMs: beforeAnything,
      spanMs: SPAN_MS,
    });
    const panels = results.filter(({ panel }) => !['$site', '$device', '$metric'].includes(panel));
    expect(panels.every(({ values }) => values === 0)).toBe(true);
  });
}
