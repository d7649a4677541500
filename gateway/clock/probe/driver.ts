import type { KeyObject } from 'node:crypto';
import type { Clock, Timer } from '../../../core/time/index.ts';
import type { GatewayIdentity } from '../../transport/index.ts';
import { PROBE_LIMITS, type ProbeLimits } from './limits.ts';
import { decodePacket, draftReply, encodeProbe, type Probe, type Reply, randomToken, SEQUENCE_END } from './packet.ts';
import { Prober } from './prober.ts';
import { Refusals } from './refusals.ts';
import { Responder } from './responder.ts';
import type {
  ExchangeListener,
  ProbeCounters,
  ProbePathName,
  Refusal,
  RefusalReason,
  UnansweredListener,
} from './types.ts';

/** Sequences of a driver that begins a ms later lie so much higher, although both are of one boot. */
const SEQUENCES_PER_MS = 256;
const SEQUENCE_MS_MAX = SEQUENCE_END / SEQUENCES_PER_MS / 2;

/** What it takes to send and answer probes, whichever the path. */
export interface ProbeEndOptions {
  own: GatewayIdentity;
  /** Names the life of this process, the same on all paths: randomToken(), once. */
  boot: string;
  clock: Clock;
  limits?: Partial<ProbeLimits>;
  /** For tests; 8 random bytes in hex when left out. */
  nonce?: () => string;
}

export interface ProbeDriverOptions extends ProbeEndOptions {
  path: ProbePathName;
  key: KeyObject;
  /** Sends at once, or not at all: then it returns false. */
  send: (peer: string, bytes: Buffer) => boolean;
  onExchange: ExchangeListener;
  onUnanswered: UnansweredListener;
}

/** A packet that came in. */
export interface Arrival {
  bytes: Buffer;
  /** For people. */
  address: string;
  /** Who brought it, on a path that knows. */
  bearer?: string;
  receivedMs: number;
  /** It may have waited so long before that, in ms; 0 when nothing is known. */
  waitedMsMax: number;
  /** Sends an answer back to where it came from; to the sender's own address when left out. */
  reply?: (bytes: Buffer) => void;
}

interface Burst {
  left: number;
  timer: Timer | undefined;
}

/** One end of all exchanges over one path: paces probes, answers those of others, and keeps account of both. */
export class ProbeDriver {
  readonly #options: ProbeDriverOptions;
  readonly #limits: ProbeLimits;
  readonly #prober: Prober;
  readonly #responder: Responder;
  readonly #refusals: Refusals;
  #peers: ReadonlySet<string> = new Set();
  readonly #bursts = new Map<string, Burst>();
  #expiry: Timer | undefined;
  readonly #counters = { probesSent: 0, notSent: 0, exchanges: 0, unanswered: 0, answered: 0, rejectedLag: 0 };

  constructor(options: ProbeDriverOptions) {
    const { own, boot, clock, nonce = randomToken } = options;
    this.#options = options;
    this.#limits = { ...PROBE_LIMITS, ...options.limits };
    // A monotonic clock that counts from 1970, as a faked one may, would go beyond what a sequence can be.
    const firstSequence = (Math.floor(clock.monotonicMs()) % SEQUENCE_MS_MAX) * SEQUENCES_PER_MS;
    this.#prober = new Prober({ own, boot, nonce, firstSequence, limits: this.#limits });
    this.#responder = new Responder(this.#limits);
    this.#refusals = new Refusals(this.#limits.refusalsKeptMax);
  }

  setPeers(names: Iterable<string>): void {
    this.#peers = new Set(names);
    this.#responder.setPeers(this.#peers);
    for (const peer of this.#bursts.keys()) if (!this.#peers.has(peer)) this.#giveUpBurst(peer);
  }

  probe(peer: string, count: number, spacingMs: number): void {
    this.#giveUpBurst(peer);
    const probes = Math.min(count, this.#limits.burstProbesMax);
    this.#counters.notSent += count - probes;
    if (!this.#peers.has(peer)) {
      this.#notSent(peer, probes);
      return;
    }
    const burst: Burst = { left: probes, timer: undefined };
    this.#bursts.set(peer, burst);
    const next = (): void => {
      burst.left -= 1;
      if (burst.left > 0) burst.timer = this.#options.clock.setTimer(spacingMs, next);
      else this.#bursts.delete(peer);
      this.#sendProbe(peer);
    };
    next();
  }

  receive(arrival: Arrival): void {
    const { bytes, bearer } = arrival;
    const { own, key } = this.#options;
    const decoded = decodePacket(bytes, key);
    if ('fault' in decoded) {
      const { fault, sender } = decoded;
      if (fault === 'tag') this.#refuse(arrival, sender, 'forged');
      else this.#refuse(arrival, sender, 'malformed', `${bytes.length} bytes do not fit: ${fault}`);
      return;
    }
    const { packet } = decoded;
    const { sender, receiver } = packet;
    if (receiver.site !== own.site || receiver.name !== own.name) {
      this.#refuse(arrival, sender, 'misdirected', `meant for ${receiver.site}/${receiver.name}`);
    } else if (sender.site !== own.site) this.#refuse(arrival, sender, 'unknownPeer');
    else if (bearer !== undefined && bearer !== sender.name) {
      this.#refuse(arrival, sender, 'wrongPeer', `brought by ${bearer}`);
    } else if (packet.kind === 'probe') this.#answer(packet, arrival);
    else this.#settle(packet, arrival);
  }

  counters(): ProbeCounters {
    return { ...this.#counters, refused: this.#refusals.counts() };
  }

  /** The last of each kind, the newest first. */
  refusals(): Refusal[] {
    return this.#refusals.last();
  }

  /** Ends all bursts; what waits for a reply is forgotten. Safe twice. */
  stop(): void {
    for (const { timer } of this.#bursts.values()) timer?.cancel();
    this.#bursts.clear();
    this.#expiry?.cancel();
  }

  #answer(probe: Probe, arrival: Arrival): void {
    const { own, boot, key, clock, send } = this.#options;
    const { receivedMs, waitedMsMax, reply = (bytes: Buffer) => send(probe.sender.name, bytes) } = arrival;
    const refusal = this.#responder.refusalOf(probe, receivedMs);
    if (refusal !== undefined) {
      this.#refuse(arrival, probe.sender, refusal);
      return;
    }
    const { nonce, sequence } = probe;
    const head = { kind: 'reply', sender: own, receiver: probe.sender, boot, nonce, sequence } as const;
    const draft = draftReply({ ...head, t2Ms: receivedMs, isLate: this.#isLate(waitedMsMax) }, key);
    reply(draft(clock.monotonicMs()));
    this.#counters.answered += 1;
  }

  #settle(reply: Reply, arrival: Arrival): void {
    const { path, onExchange } = this.#options;
    const { sender, boot, isLate } = reply;
    const settled = this.#prober.settle(reply, arrival.receivedMs);
    if ('refusal' in settled) {
      this.#refuse(arrival, sender, settled.refusal);
    } else if (isLate || this.#isLate(arrival.waitedMsMax)) {
      this.#counters.rejectedLag += 1;
    } else {
      this.#counters.exchanges += 1;
      onExchange({ peer: sender.name, boot, path, ...settled.stamps });
    }
  }

  #isLate(waitedMsMax: number): boolean {
    return waitedMsMax > this.#limits.lagMsMax;
  }

  #sendProbe(peer: string): void {
    const { key, clock, send } = this.#options;
    const probe = this.#prober.make(peer);
    if (probe === undefined) {
      this.#notSent(peer, 1);
      return;
    }
    const bytes = encodeProbe(probe, key);
    const t1Ms = clock.monotonicMs();
    if (!send(peer, bytes)) {
      this.#notSent(peer, 1);
      return;
    }
    this.#prober.sent(probe, t1Ms);
    this.#counters.probesSent += 1;
    if (this.#expiry === undefined) this.#armExpiry();
  }

  #notSent(peer: string, probes: number): void {
    const { path, onUnanswered } = this.#options;
    this.#counters.notSent += probes;
    onUnanswered({ peer, path, probes });
  }

  #giveUpBurst(peer: string): void {
    const burst = this.#bursts.get(peer);
    if (burst === undefined) return;
    burst.timer?.cancel();
    this.#bursts.delete(peer);
    this.#counters.notSent += burst.left;
  }

  #armExpiry(): void {
    const { clock, path, onUnanswered } = this.#options;
    const dueMs = this.#prober.nextExpiryMs();
    this.#expiry = undefined;
    if (dueMs === undefined) return;
    // A timer may fire a little before its time, and what is due now is not yet beyond its time.
    const delayMs = Math.max(1, Math.ceil(dueMs - clock.monotonicMs()));
    this.#expiry = clock.setTimer(delayMs, () => {
      for (const [peer, probes] of this.#prober.expire(clock.monotonicMs())) {
        this.#counters.unanswered += probes;
        onUnanswered({ peer, path, probes });
      }
      this.#armExpiry();
    });
  }

  #refuse(arrival: Arrival, sender: GatewayIdentity | undefined, reason: RefusalReason, detail = ''): void {
    const { address, receivedMs } = arrival;
    this.#refusals.add({ reason, detail, address, sender, atMs: receivedMs });
  }
}
