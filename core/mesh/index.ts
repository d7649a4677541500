export { meshConfigs, type ProcessConfig, type ProcessKind, shimConfig, writeConfig } from './configs.ts';
export { type Endpoints, endpointsSchema, loadEndpoints, saveEndpoints } from './endpoints.ts';
export { EndpointsFile, type EndpointsFileOptions } from './endpoints-file.ts';
export { type MeshChoice, type MeshLayout, planMesh, portsOf, SITE } from './layout.ts';
export { checkPorts } from './ports.ts';
export {
  DEFAULT_COUNTS,
  type MeshCounts,
  readCounts,
  saveCounts,
  settleCounts,
  type WantedCounts,
} from './saved-counts.ts';
export { loadSecrets, type MeshSecrets, readSecrets } from './secrets.ts';
