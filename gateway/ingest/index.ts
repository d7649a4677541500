export { Intake, noteRecord } from './intake.ts';
export { MeshClient } from './mesh-client.ts';
