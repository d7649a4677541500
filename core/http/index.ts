export { type MetricsPage, metricsPage } from './metrics-page.ts';
export { letReadersIn } from './readers.ts';
