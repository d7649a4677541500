export { EmbeddedStoreClient } from './store.ts';
