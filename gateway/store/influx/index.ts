export { InfluxStore } from './store.ts';
