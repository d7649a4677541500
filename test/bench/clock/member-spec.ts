import type { MeshReading } from '../../../gateway/clock/index.ts';

export const SITE = 'bench';
export const SITE_KEY = 'the site key of a benchmark';
/** Members say what their mesh clock showed at each multiple of this on their monotonic clock. */
export const SAMPLE_MS = 100;

/** What member.ts is told, as JSON in its argument. */
export interface MemberSpec {
  name: string;
  /** Of all members, this one among them. */
  members: string[];
  dataDir: string;
  /** Where it answers probes. */
  probePort: number;
  /** Where the others answer probes, UDP. A port where nobody answers leaves the next path: TCP, or without a transport MQTT. */
  probePeers: { name: string; port: number }[];
  /** Connections with the others; without them everything goes through the broker. */
  transport?: { port: number; peers: { name: string; port: number }[] };
  brokerUrl?: string;
  /** Answers NTP, as often as anybody asks. */
  ntpPort?: number;
  /** How far its wall clock is ahead. */
  wallAheadMs: number;
  seed: string;
}

/** What the clock showed at a moment, in ms: of its monotonic clock, of the mesh's time, and how far that may be wrong. */
export type Sample = [atMs: number, shownMs: number, uncertaintyMs: number];

export type ToMember =
  | { type: 'role'; term: number; leader: string }
  /** Whether its main thread is busy for half of the time. */
  | { type: 'block'; isOn: boolean }
  /** Its mesh time now, or at those moments of its monotonic clock. */
  | { type: 'read'; id: number; atMs: number[] };

export type FromMember =
  | { type: 'ready' }
  /** Mesh time is known from now on. */
  | { type: 'synchronised' }
  /** Of the last second. */
  | { type: 'samples'; samples: Sample[]; faults: ClockFaults }
  | { type: 'reading'; id: number; readings: MemberReading[] };

export interface MemberReading extends MeshReading {
  atMs: number;
  /** The machine's own wall clock. */
  wallMs: number;
  /** How much faster the mesh's time goes than its monotonic clock, in ppm, as far as it knows. */
  frequencyPpm: number;
}

/** What must not be, counted since mesh time is known, over all readings of this member. */
export interface ClockFaults {
  backwards: number;
  /** Faster or slower than mesh time may go over its monotonic clock. */
  offRate: number;
  /** By how much it went backwards at most, or beyond what its rate allows. */
  worstMs: number;
}
