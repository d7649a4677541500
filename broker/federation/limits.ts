/** Times and bounds of the federation. The defaults are for production; tests make the times short. */
export interface LinkLimits {
  /** How often each end asks for a sign of life. */
  keepAliveMs: number;
  /** Silence after which the link is given up. Below 3 keep-alive periods, ticks and all. */
  silenceMsMax: number;
  /** How long a connection may take to prove itself. */
  handshakeMsMax: number;
  /** First and longest wait before dialing again; it doubles in between, and half of it is random. */
  reconnectMsMin: number;
  reconnectMsMax: number;
  /** How often the retained sets of both ends of a link are compared while it is up. */
  retainedCompareMs: number;
  /** How often a broker repeats what it says of itself, so that what was lost heals. */
  refreshMs: number;
  /** Without progress for so long, a destination is asked how far it came, and sent again from there. */
  resendMs: number;
  /** Bytes sent to one destination that it has not acknowledged; reached, nothing more is read from the journal for it. */
  windowBytesMax: number;
  /** Bytes of data that an end of a link may send before the other has granted more. */
  creditBytes: number;
  /** Bytes of data that wait for one link. Own data is not read above it; what others send through here is dropped, counted, and sent again by its origin. */
  queueBytesMax: number;
  /** Volatile (QoS 0) bytes that wait for the links. At the bound a new message is dropped and counted. */
  volatileBytesMax: number;
  /** Bytes of journal that go into one batch. */
  batchBytes: number;
  /** A destination that was away for longer loses what it has not acknowledged and is older; counted. */
  backlogAgeMsMax: number;
  /** Brokers that a message may pass. */
  hopsMax: number;
}

export function linkLimits(given: Partial<LinkLimits> = {}): LinkLimits {
  const keepAliveMs = given.keepAliveMs ?? 2_000;
  return {
    keepAliveMs,
    silenceMsMax: 2.5 * keepAliveMs,
    handshakeMsMax: 5_000,
    reconnectMsMin: 100,
    reconnectMsMax: 5_000,
    retainedCompareMs: 30_000,
    refreshMs: 30_000,
    resendMs: 2_000,
    windowBytesMax: 1024 * 1024,
    creditBytes: 4 * 1024 * 1024,
    queueBytesMax: 8 * 1024 * 1024,
    volatileBytesMax: 1024 * 1024,
    batchBytes: 64 * 1024,
    backlogAgeMsMax: 7 * 24 * 3_600_000,
    hopsMax: 16,
    ...given,
  };
}

/** What a link has done since the start of the process. */
export interface LinkCounters {
  /** Messages of this broker's clients. */
  sent: number;
  received: number;
  /** Messages of others that passed. */
  forwarded: number;
  duplicates: number;
  /** Messages that were given up, by cause. */
  dropped: Record<DropCause, number>;
  bytesSent: number;
  bytesReceived: number;
  /** Times that something was sent again. */
  resends: number;
  /** Retained messages that a comparison has brought, and that won here. */
  retainedHealed: number;
}

export const DROP_CAUSES = [
  /** The journal's bound took it before the destination had it. */
  'journal-bound',
  /** Older than the age bound. */
  'age',
  /** QoS 0, at the bound of its queue, or when there is no way. */
  'volatile',
  /** On its way through here, at the bound of a link's queue; its origin sends it again. */
  'transit',
  /** It passed too many brokers, while routes changed; its origin sends it again. */
  'hops',
  /** An import or export filter of a link. */
  'filtered',
] as const;
export type DropCause = (typeof DROP_CAUSES)[number];

export function linkCounters(): LinkCounters {
  const dropped = Object.fromEntries(DROP_CAUSES.map((cause) => [cause, 0])) as Record<DropCause, number>;
  return {
    sent: 0,
    received: 0,
    forwarded: 0,
    duplicates: 0,
    dropped,
    bytesSent: 0,
    bytesReceived: 0,
    resends: 0,
    retainedHealed: 0,
  };
}
