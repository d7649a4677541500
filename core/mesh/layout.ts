import { LatticeError } from '../errors/index.ts';

/** What a person chooses when starting a mesh on one machine. */
export interface MeshChoice {
  brokers: number;
  gateways: number;
  devices: number;
  /** Whether the demo's devices (simulated, replayed, this machine's own sensors) run. */
  demo: boolean;
  /** Every port is counted from here; without it the ports that clients expect are used. */
  portBase?: number | undefined;
}

export interface MeshLayout {
  site: string;
  host: string;
  brokers: { id: string; port: number; wsPort: number; linkPort: number; metricsPort: number }[];
  gateways: { id: string; port: number; peerPort: number }[];
  store: { port: number; database: string };
  console: { port: number };
}

export const SITE = 'home';
const HOST = '127.0.0.1';
const BROKERS_MAX = 8;
const GATEWAYS_MAX = 16;

/** The ports that clients expect: MQTT's own, InfluxDB's for the store, a web server's for the console. */
const DEFAULT_PORTS = {
  mqtt: 1883,
  webSocket: 9001,
  link: 7883,
  store: 8086,
  console: 8080,
  gateway: 8181,
  peer: 8281,
  metrics: 9883,
};

/** Names and ports of every process. Throws USAGE when a number is out of range. */
export function planMesh(choice: MeshChoice): MeshLayout {
  checkRange('--brokers', choice.brokers, 1, BROKERS_MAX);
  checkRange('--gateways', choice.gateways, 1, GATEWAYS_MAX);
  checkRange('--devices', choice.devices, 0, 20_000);
  if (choice.portBase !== undefined) checkRange('--port-base', choice.portBase, 1, 65_535 - 80);
  const ports = choice.portBase === undefined ? DEFAULT_PORTS : portsFrom(choice.portBase, choice);
  const range = (length: number): number[] => Array.from({ length }, (_, index) => index);
  return {
    site: SITE,
    host: HOST,
    brokers: range(choice.brokers).map((index) => ({
      id: `broker-${index + 1}`,
      port: ports.mqtt + index,
      wsPort: ports.webSocket + index,
      linkPort: ports.link + index,
      metricsPort: ports.metrics + index,
    })),
    gateways: range(choice.gateways).map((index) => ({
      id: `gateway-${index + 1}`,
      port: ports.gateway + index,
      peerPort: ports.peer + index,
    })),
    store: { port: ports.store, database: 'lattice' },
    console: { port: ports.console },
  };
}

/** Every port that a mesh listens on, with what it is for. */
export function portsOf(layout: MeshLayout): { port: number; purpose: string }[] {
  return [
    ...layout.brokers.flatMap(({ id, port, wsPort, linkPort, metricsPort }) => [
      { port, purpose: `MQTT of ${id}` },
      { port: wsPort, purpose: `WebSocket of ${id}` },
      { port: linkPort, purpose: `links of ${id}` },
      { port: metricsPort, purpose: `metrics of ${id}` },
    ]),
    ...layout.gateways.flatMap(({ id, port, peerPort }) => [
      { port, purpose: `HTTP of ${id}` },
      { port: peerPort, purpose: `agreement of ${id}` },
    ]),
    { port: layout.store.port, purpose: 'the time-series store' },
    { port: layout.console.port, purpose: 'the console' },
  ];
}

function portsFrom(base: number, choice: MeshChoice): typeof DEFAULT_PORTS {
  const store = base + choice.brokers;
  const webSocket = store + 2;
  const link = webSocket + choice.brokers;
  const gateway = link + choice.brokers;
  const metrics = gateway + choice.gateways;
  const peer = metrics + choice.brokers;
  return { mqtt: base, store, console: store + 1, webSocket, link, gateway, metrics, peer };
}

function checkRange(option: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new LatticeError('USAGE', `${option} is ${value}; it must be a whole number from ${min} to ${max}.`);
  }
}
