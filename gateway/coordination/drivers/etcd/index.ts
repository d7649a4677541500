export { type EtcdDriverConfig, etcdDriverSchema } from './config.ts';
export { openEtcdCoordinator } from './open.ts';
