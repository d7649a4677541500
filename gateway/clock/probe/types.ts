import type { Unsubscribe } from '../../transport/index.ts';

/** Over what a probe went, the most exact first. */
export const PROBE_PATHS = ['udp', 'tcp', 'mqtt'] as const;
export type ProbePathName = (typeof PROBE_PATHS)[number];

/**
 * One probe and its reply, as NTP's four stamps (RFC 5905, section 8), in ms of CLOCK_MONOTONIC: t1 (sent) and t4 (received) by our
 * machine's, t2 (received) and t3 (sent) by the peer's.
 */
export interface Exchange {
  /** The peer's name; it is of our site. */
  peer: string;
  /** The life of the peer's process: with another one, what was learnt of its clock is of no use any more. */
  boot: string;
  path: ProbePathName;
  t1Ms: number;
  t2Ms: number;
  t3Ms: number;
  t4Ms: number;
}

/** Where a gateway of our site answers probes over UDP; the other paths need its name alone. */
export interface ProbePeer {
  name: string;
  /** A name that DNS knows, or an address. */
  host: string;
  port: number;
}

export const REFUSAL_REASONS = [
  /** No packet of ours; the detail names what does not fit. */
  'malformed',
  /** Its tag is not of our site's key. */
  'forged',
  /** A probe or a reply that came before. */
  'replayed',
  /** A reply to no question of ours. */
  'unasked',
  /** A reply from another than the one who was asked, or a packet whose bearer is not its sender. */
  'wrongPeer',
  /** A reply that came after its time. */
  'late',
  /** A reply whose stamps cannot be: its sender held it for less than nothing, or longer than we waited. */
  'impossible',
  /** The sender is no peer here. */
  'unknownPeer',
  /** Meant for another gateway. */
  'misdirected',
  /** More probes than a peer may send. */
  'tooMany',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Packets that were refused for one reason, from one address, in the name of one gateway. */
export interface Refusal {
  reason: RefusalReason;
  detail: string;
  /** host:port, or what the path has in its place. */
  address: string;
  /** `site/name` as the packet claims; undefined when it does not say. */
  claims: string | undefined;
  count: number;
  /** Monotonic ms of the last of them. */
  lastMs: number;
}

/** Counted since the start. */
export interface ProbeCounters {
  probesSent: number;
  /** Probes that did not go out: no such peer, no address, no connection, or too many under way. */
  notSent: number;
  /** Replies that gave an exchange. */
  exchanges: number;
  unanswered: number;
  /** Probes of others that were answered. */
  answered: number;
  /** Good replies that gave no exchange, since the event loop of one end lagged when it stamped the receipt. */
  rejectedLag: number;
  refused: Record<RefusalReason, number>;
}

/** Probes that nobody answered in time, or that could not be sent. */
export interface Unanswered {
  peer: string;
  path: ProbePathName;
  probes: number;
}

/** Measures the clocks of peers over one path, and answers those who measure ours. */
export interface ProbeSource {
  /** Replaces all that were there before. */
  setPeers(peers: readonly ProbePeer[]): void;
  /** Asks a peer so many times, spacingMs apart; what was left of a burst to the same peer is given up and counted as notSent. */
  probe(peer: string, count: number, spacingMs: number): void;
  onExchange(listener: ExchangeListener): Unsubscribe;
  onUnanswered(listener: UnansweredListener): Unsubscribe;
}

export type ExchangeListener = (exchange: Exchange) => void;
export type UnansweredListener = (unanswered: Unanswered) => void;
