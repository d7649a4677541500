import { ClockFilter, type NtpSample } from './clock-filter.ts';
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
import { Questions } from './questions.ts';
import { refidText } from './refid.ts';
import { NO_STAMP, stampToMs } from './stamp.ts';

/** The slowest that kisses of RATE make us: 2^10 s, RFC 5905's usual maximum. */
const POLL_MS_MAX = 1_024_000;
/** Of a reading of the monotonic clock, with what a double of a present stamp cannot hold. */
const OWN_PRECISION_MS = 0.001;

export interface AssociationOptions {
  /** A number of 64 bits that nobody can guess; never 0. */
  nonce(): bigint;
  /** 4 unless told. */
  version: 3 | 4;
  /** Requests at the start that do not wait for the poll interval (iburst). */
  burstPackets: number;
  burstSpacingMs: number;
  /** Between two requests, until a server asks for more time. */
  pollMs: number;
  /** Samples and estimates that may be further from UTC are not used (RFC 5905, MAXDIST). */
  rootDistanceMsMax: number;
  /** How far the monotonic clock may run wrong (RFC 5905, PHI). */
  frequencyTolerancePpm: number;
}

/** RFC 5905 where it gives a number. Its 15 ppm hold for a clock that the system disciplines; a bare crystal may need 100. */
export const ASSOCIATION_DEFAULTS: Omit<AssociationOptions, 'nonce'> = {
  version: 4,
  burstPackets: 4,
  burstSpacingMs: 2_000,
  pollMs: 16_000,
  rootDistanceMsMax: 1_000,
  frequencyTolerancePpm: 15,
};

/** Why a datagram gave no sample. The first group is not from the server that was asked, or is no answer at all. */
export type Rejection =
  | PacketFault
  | 'wrongMode'
  | 'wrongVersion'
  | 'unsolicited'
  | 'bogusOrigin'
  | 'replay'
  // what the server itself answered
  | 'kissRate'
  | 'kissDeny'
  | 'kissOther'
  | 'unsynchronised'
  | 'stratumUnsynchronised'
  | 'zeroTransmit'
  | 'impossibleTimes'
  | 'rootDistanceTooLarge';

export type Reception = { sample: NtpSample; rejected?: never } | { rejected: Rejection };

/** UTC as one server tells it. */
export interface NtpEstimate {
  /** UTC minus monotonic. */
  offsetMs: number;
  atMonotonicMs: number;
  /** Root distance: the truth lies within so much, if the server tells the truth about itself. */
  uncertaintyMs: number;
  delayMs: number;
  stratum: number;
  refid: string;
}

/** The client's side of one server (RFC 5905, sections 8 to 10), without the network. */
export class Association {
  readonly #options: AssociationOptions;
  readonly #filter: ClockFilter;
  readonly #questions = new Questions();
  readonly #rejected: Partial<Record<Rejection, number>> = {};
  #burstLeft: number;
  #pollMs: number;
  #reach = 0;
  #samplesDropped = 0;
  #kissCode: string | undefined;
  #lastRefusal: Rejection | undefined;
  #isEnded = false;

  constructor(options: AssociationOptions) {
    this.#options = options;
    this.#filter = new ClockFilter(options.frequencyTolerancePpm);
    this.#burstLeft = options.burstPackets;
    this.#pollMs = options.pollMs;
  }

  /** The server does not want us (DENY, RSTR): it must not be asked again. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The last eight polls, the latest in the lowest bit: 1 where it gave a sample. */
  get reach(): number {
    return this.#reach;
  }

  /** Requests of the first burst are still to come. */
  get isInBurst(): boolean {
    return this.#burstLeft > 0;
  }

  /** How long after the last request the next one is due. */
  get waitMs(): number {
    return this.isInBurst ? this.#options.burstSpacingMs : this.#pollMs;
  }

  /** The last kiss code, until a sample is taken. */
  get kissCode(): string | undefined {
    return this.#kissCode;
  }

  /** Why the server's last answer was of no use, until it gives a better one or none. */
  get lastRefusal(): Rejection | undefined {
    return this.#lastRefusal;
  }

  /** Counted by name. */
  get rejected(): Readonly<Partial<Record<Rejection, number>>> {
    return this.#rejected;
  }

  /** Samples that a later one contradicted, since a clock was set. */
  get samplesDropped(): number {
    return this.#samplesDropped;
  }

  /** The request to send right now. */
  request(nowMs: number): Buffer {
    this.missed();
    if (this.#burstLeft > 0) this.#burstLeft -= 1;
    const transmit = this.#options.nonce();
    this.#questions.add(transmit, nowMs);
    return encodePacket({
      leap: 0,
      version: this.#options.version,
      mode: MODE.client,
      stratum: 0,
      pollLog2S: 0,
      precisionLog2S: 0,
      rootDelayMs: 0,
      rootDispersionMs: 0,
      refid: 0,
      reference: NO_STAMP,
      origin: NO_STAMP,
      receive: NO_STAMP,
      transmit,
    });
  }

  /** A poll begins and has no answer yet; on its own, for one whose request could not even be sent. */
  missed(): void {
    if (!this.#questions.isLastAnswered) this.#lastRefusal = undefined;
    this.#reach = (this.#reach << 1) & 0xff;
    if (this.#reach === 0) this.#filter.clear();
  }

  /** A datagram from the server's address. */
  receive(datagram: Uint8Array, receivedMonotonicMs: number): Reception {
    const decoded = decodePacket(datagram);
    if (decoded.fault !== undefined) return this.#reject(decoded.fault);
    const { packet } = decoded;
    if (packet.mode !== MODE.server) return this.#reject('wrongMode');
    if (packet.version !== this.#options.version) return this.#reject('wrongVersion');
    const question = this.#questions.take(packet.origin);
    if ('refused' in question) return this.#reject(question.refused);
    const answer = this.#sampleOf(packet, question.sentMonotonicMs, receivedMonotonicMs);
    if (typeof answer === 'string') {
      this.#lastRefusal = answer;
      return this.#reject(answer);
    }
    this.#reach |= 1;
    this.#kissCode = undefined;
    this.#lastRefusal = undefined;
    this.#samplesDropped += this.#filter.add(answer);
    return { sample: answer };
  }

  /** Undefined while the server has not been reached in eight polls, or cannot be trusted to rootDistanceMsMax. */
  estimate(nowMs: number): NtpEstimate | undefined {
    const best = this.#isEnded ? undefined : this.#filter.best(nowMs);
    if (best === undefined || best.rootDistanceMs > this.#options.rootDistanceMsMax) return undefined;
    const { offsetMs, delayMs, stratum, refid } = best.sample;
    return {
      offsetMs,
      atMonotonicMs: nowMs,
      uncertaintyMs: best.rootDistanceMs,
      delayMs,
      stratum,
      refid: refidText(refid, stratum),
    };
  }

  #sampleOf(packet: NtpPacket, sentMs: number, receivedMs: number): NtpSample | Rejection {
    if (packet.stratum === STRATUM_KISS) return this.#kissed(refidText(packet.refid, STRATUM_KISS));
    if (packet.leap === LEAP_UNSYNCHRONISED) return 'unsynchronised';
    if (packet.stratum >= STRATUM_UNSYNCHRONISED) return 'stratumUnsynchronised';
    if (packet.transmit === NO_STAMP) return 'zeroTransmit';
    if (packet.receive === NO_STAMP) return 'impossibleTimes';

    const precisionMs = 2 ** packet.precisionLog2S * 1_000 + OWN_PRECISION_MS;
    const serverReceivedMs = stampToMs(packet.receive);
    const serverSentMs = stampToMs(packet.transmit);
    const roundTripMs = receivedMs - sentMs;
    const delayMs = roundTripMs - (serverSentMs - serverReceivedMs);
    const driftMs = (roundTripMs * this.#options.frequencyTolerancePpm) / 1e6;
    // The server cannot have had the question for longer than we had none of its answer.
    if (serverSentMs < serverReceivedMs || delayMs < -precisionMs - driftMs) return 'impossibleTimes';

    const sample = {
      atMonotonicMs: receivedMs,
      offsetMs: (serverReceivedMs - sentMs + (serverSentMs - receivedMs)) / 2,
      delayMs: Math.max(delayMs, precisionMs),
      dispersionMs: precisionMs + driftMs,
      serverDistanceMs: packet.rootDelayMs / 2 + packet.rootDispersionMs,
      stratum: packet.stratum,
      refid: packet.refid,
    };
    const isFar = this.#filter.rootDistanceMs(sample, receivedMs) > this.#options.rootDistanceMsMax;
    return isFar ? 'rootDistanceTooLarge' : sample;
  }

  /** RFC 5905, section 7.4. */
  #kissed(code: string): Rejection {
    this.#kissCode = code;
    switch (code) {
      case 'RATE':
        this.#burstLeft = 0;
        this.#pollMs = Math.min(POLL_MS_MAX, this.#pollMs * 2);
        return 'kissRate';
      case 'DENY':
      case 'RSTR':
        this.#isEnded = true;
        return 'kissDeny';
      default:
        return 'kissOther';
    }
  }

  #reject(reason: Rejection): Reception {
    this.#rejected[reason] = (this.#rejected[reason] ?? 0) + 1;
    return { rejected: reason };
  }
}
