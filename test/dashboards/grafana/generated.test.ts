import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DASHBOARDS, generatedFiles, queriesOf } from '../../../dashboards/grafana/index.ts';

const FOLDER = new URL('../../../dashboards/grafana/', import.meta.url);

describe('the generated files of Grafana', () => {
  it.each(Object.entries(generatedFiles()))('%s is up to date (npm run dashboards)', (name, content) => {
    expect(readFileSync(new URL(name, FOLDER), 'utf8')).toBe(content);
  });

  it.each(DASHBOARDS.map((dashboard) => [dashboard.uid, dashboard] as const))('%s is whole', (uid, dashboard) => {
    expect(uid).toMatch(/^lattice-[a-z]+$/);
    expect(dashboard.schemaVersion).toBe(42);
    const panels = (dashboard.panels ?? []).filter((panel) => 'targets' in panel);
    expect(panels).toHaveLength(dashboard.panels?.length ?? -1);
    const ids = panels.map(({ id }) => id);
    expect(ids.every((id) => typeof id === 'number' && id > 0)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    const charts = panels.filter(({ type }) => type === 'timeseries');
    expect(charts.every((panel) => 'options' in panel && panel.options?.legend.showLegend === true)).toBe(true);
    // Panels that overlap are pushed about by Grafana.
    const cells = panels.flatMap(({ gridPos }) => {
      const { x = 0, y = 0, w = 0, h = 0 } = gridPos ?? {};
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
  });

  it('replaces every variable, and all queries name the provisioned data source', () => {
    const provisioned = parse(readFileSync(new URL('provisioning/datasources/lattice.yaml', FOLDER), 'utf8'));
    const uid: unknown = provisioned.datasources[0].uid;
    for (const dashboard of DASHBOARDS) {
      const values = { site: 'home', device: 'sim-001', metric: 'temperature' };
      const queries = queriesOf(dashboard, values, { nowMs: 1_800_000_000_000 });
      expect(queries.length).toBeGreaterThan(0);
      for (const { statement } of queries) expect(statement).not.toMatch(/\$(?!\/)/);
      for (const target of JSON.stringify(dashboard).matchAll(/"datasource":\{[^}]*"uid":"([^"]*)"/g)) {
        expect(target[1]).toBe(uid);
      }
    }
  });
});
