/** Times and bounds of a link. The defaults are for production; tests make the times short. */
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
  /** How often the retained sets of both ends are compared while the link is up. */
  retainedCompareMs: number;
  /** Bytes sent and not yet acknowledged; reached, nothing more is read from the journal. */
  windowBytesMax: number;
  /** Volatile (QoS 0) bytes that wait for the window. At the bound a new message is dropped and counted. */
  volatileBytesMax: number;
  /** Bytes at which a batch is closed. */
  batchBytes: number;
}

export function linkLimits(times: Partial<LinkLimits> = {}): LinkLimits {
  const keepAliveMs = times.keepAliveMs ?? 2_000;
  return {
    keepAliveMs,
    silenceMsMax: 2.5 * keepAliveMs,
    handshakeMsMax: 5_000,
    reconnectMsMin: 100,
    reconnectMsMax: 5_000,
    retainedCompareMs: 30_000,
    windowBytesMax: 1024 * 1024,
    volatileBytesMax: 1024 * 1024,
    batchBytes: 64 * 1024,
    ...times,
  };
}

/** What a link has done since the start of the process. */
export interface LinkCounters {
  sent: number;
  received: number;
  duplicates: number;
  dropped: number;
}
