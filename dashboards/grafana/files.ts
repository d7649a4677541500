import { DASHBOARDS } from './dashboards.ts';
import { provisioningFiles } from './provision.ts';

/** Every generated file, by its path below dashboards/grafana/. */
export function generatedFiles(): Record<string, string> {
  const dashboards = DASHBOARDS.map((dashboard): [string, string] => [
    `generated/${dashboard.uid}.json`,
    `${JSON.stringify(dashboard, null, 2)}\n`,
  ]);
  return { ...Object.fromEntries(dashboards), ...provisioningFiles() };
}
