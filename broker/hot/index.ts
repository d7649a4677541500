export { HotPath, type HotPathOptions } from './hot-path.ts';
