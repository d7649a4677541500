import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { device } from './boards/device.ts';
import { fleet } from './boards/fleet.ts';
import { brokers, gateways } from './boards/nodes.ts';
import { time } from './boards/time.ts';

/** Every dashboard of Lattice. */
export const DASHBOARDS: readonly Dashboard[] = [fleet, device, gateways, brokers, time];
