import {
  decodePacket,
  encodePacket,
  LEAP_UNSYNCHRONISED,
  MODE,
  type NtpPacket,
  type PacketFault,
  STRATUM_KISS,
  STRATUM_UNSYNCHRONISED,
} from './packet.ts';
import { RATE_LIMITS, RateLimit, type RateLimits } from './rate-limit.ts';
import { refidOfText } from './refid.ts';
import { stampOfMs } from './stamp.ts';

/** What the mesh's clock said at some moment, and what it hangs on. */
export type MeshReading =
  | { kind: 'none' }
  /** The gateways agree with each other, and follow nothing outside. */
  | { kind: 'relative'; ms: number; uncertaintyMs: number }
  /** They follow a reference of this stratum. */
  | { kind: 'absolute'; ms: number; uncertaintyMs: number; referenceStratum: number };

/** What a clock on its own is given by custom, as in chrony's `local`: any server with a reference is preferred to it. */
const RELATIVE_STRATUM = 10;
const STRATUM_MAX = 15;
const REFID = refidOfText('LATT');
const KISS_RATE = refidOfText('RATE');
/** About 4 µs: what it takes to read the clock and to reckon with doubles. */
const PRECISION_LOG2_S = -18;

export interface ResponderCounters extends Record<PacketFault, number> {
  requests: number;
  answered: number;
  /** Answered with "not synchronised", as there is no mesh time. */
  answeredUnsynchronised: number;
  /** Not from a client, as the answers of other servers are. */
  wrongMode: number;
  /** Told that they ask too often. */
  kissedRate: number;
  /** Ignored, as they had been told. */
  droppedRate: number;
}

export interface ResponderOptions {
  /** Mesh time at a moment of the monotonic clock, present or just past. */
  meshAt(monotonicMs: number): MeshReading;
  monotonicMs(): number;
  rate?: RateLimits;
}

/**
 * The server's side of NTP (RFC 5905, section 14; RFC 4330, section 6), without the network: a request gives at most one reply, of 48
 * bytes, which is never longer than the request.
 */
export class Responder {
  readonly #options: ResponderOptions;
  readonly #rate: RateLimit;
  readonly #counters: ResponderCounters = {
    requests: 0,
    answered: 0,
    answeredUnsynchronised: 0,
    tooShort: 0,
    raggedLength: 0,
    versionUnsupported: 0,
    wrongMode: 0,
    kissedRate: 0,
    droppedRate: 0,
  };

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#rate = new RateLimit(options.rate ?? RATE_LIMITS);
  }

  get counters(): Readonly<ResponderCounters & { addressesForgotten: number }> {
    return { ...this.#counters, addressesForgotten: this.#rate.addressesForgotten };
  }

  /** The reply to send at once, if there is one. */
  reply(datagram: Uint8Array, address: string, receivedMonotonicMs: number): Buffer | undefined {
    const counters = this.#counters;
    counters.requests += 1;
    const decoded = decodePacket(datagram);
    if (decoded.fault !== undefined) {
      counters[decoded.fault] += 1;
      return undefined;
    }
    const request = decoded.packet;
    if (request.mode !== MODE.client) {
      counters.wrongMode += 1;
      return undefined;
    }
    switch (this.#rate.take(address, receivedMonotonicMs)) {
      case 'drop':
        counters.droppedRate += 1;
        return undefined;
      case 'tell':
        counters.kissedRate += 1;
        return encodePacket({ ...timeless(request), stratum: STRATUM_KISS, refid: KISS_RATE });
      case 'allow':
        counters.answered += 1;
        return this.#answer(request, receivedMonotonicMs);
    }
  }

  #answer(request: NtpPacket, receivedMonotonicMs: number): Buffer {
    const { meshAt, monotonicMs } = this.#options;
    const received = meshAt(receivedMonotonicMs);
    const now = meshAt(monotonicMs());
    if (received.kind === 'none' || now.kind === 'none') {
      this.#counters.answeredUnsynchronised += 1;
      return encodePacket(timeless(request));
    }
    const receive = stampOfMs(received.ms);
    return encodePacket({
      ...timeless(request),
      leap: 0,
      stratum: now.kind === 'absolute' ? Math.min(STRATUM_MAX, now.referenceStratum + 1) : RELATIVE_STRATUM,
      rootDispersionMs: now.uncertaintyMs,
      refid: REFID,
      // Mesh time is corrected all the time.
      reference: receive,
      receive,
      transmit: stampOfMs(now.ms),
    });
  }
}

/** Tells that we are not synchronised. As ntpd does, it brings the client's own stamp back where a time would be. */
function timeless(request: NtpPacket): NtpPacket {
  return {
    leap: LEAP_UNSYNCHRONISED,
    version: request.version,
    mode: MODE.server,
    stratum: STRATUM_UNSYNCHRONISED,
    pollLog2S: request.pollLog2S,
    precisionLog2S: PRECISION_LOG2_S,
    rootDelayMs: 0,
    rootDispersionMs: 0,
    refid: 0,
    reference: 0n,
    origin: request.transmit,
    receive: request.transmit,
    transmit: request.transmit,
  };
}
