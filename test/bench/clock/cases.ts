import type { Delay } from './delay-proxy.ts';
import type { Path } from './site.ts';

/** Three gateways on this machine, and over which path they measure their clocks. */
export interface PathCase {
  name: string;
  title: string;
  path: Path;
  /** Whether the main threads of all of them are busy for half of the time. */
  isBlocked: boolean;
  /** Of the errors' 99th percentile. */
  goalP99Us?: number;
  isQuick: boolean;
}

/** One of our gateways and Debian's chrony that follow the same gateway, each through a delay proxy of the same kind. */
export interface PeerCase {
  name: string;
  title: string;
  delay: Delay;
}

export const PATH_CASES: readonly PathCase[] = [
  { name: 'udp', title: 'UDP, idle', path: 'udp', isBlocked: false, goalP99Us: 60, isQuick: true },
  { name: 'udp-blocked', title: 'UDP, blocked', path: 'udp', isBlocked: true, goalP99Us: 250, isQuick: true },
  { name: 'tcp', title: 'TCP, idle', path: 'tcp', isBlocked: false, isQuick: true },
  { name: 'tcp-blocked', title: 'TCP, blocked', path: 'tcp', isBlocked: true, isQuick: false },
  { name: 'mqtt', title: 'MQTT, idle', path: 'mqtt', isBlocked: false, isQuick: false },
  { name: 'mqtt-blocked', title: 'MQTT, blocked', path: 'mqtt', isBlocked: true, goalP99Us: 1_500, isQuick: true },
];

export const PEER_CASES: readonly PeerCase[] = [
  { name: 'lan', title: 'like a LAN: 0.1 ms + 0.1 ms', delay: { baseMs: 0.1, jitterMs: 0.1 } },
  { name: 'wifi', title: 'like Wi-Fi: 2 ms + 2 ms', delay: { baseMs: 2, jitterMs: 2 } },
];
