export { buildStoreApp, type StoreAppDeps } from './app.ts';
