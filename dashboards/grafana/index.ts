export {
  type CheckOptions,
  type CheckSeries,
  checkPanels,
  type PanelQuery,
  type PanelResult,
  queriesOf,
} from './check.ts';
export { DASHBOARDS } from './dashboards.ts';
export { generatedFiles } from './files.ts';
