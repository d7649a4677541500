import { decodeMessage, encodeMessage } from '../../../gateway/consensus/codec/index.ts';
import type { Message, NodeId } from '../../../gateway/consensus/raft/index.ts';
import type { Member, ReplicaEvent } from '../../../gateway/consensus/replica/index.ts';
import type { Machine } from '../world/index.ts';
import { nameOf, processOf, type Stored, type Wire } from './types.ts';

/** Timers from here on are of streams of snapshots. */
const STREAM_TIMER = 1_000;
const STREAM_TIMEOUT_MS = 2_000;
/** What nobody hands on for somebody else. */
const SENT_DIRECTLY = new Set<Message['type']>(['MsgApp', 'MsgHeartbeat', 'MsgSnap', 'MsgVote', 'MsgPreVote']);

export interface MemberMailOptions {
  machine: Machine<Wire, Stored>;
  /** Part of the messages that the transport has no room for. */
  unreachableRate: number;
  onMessage: (message: Message) => void;
  /** That a message could not be handed over, a process has ended, or how a snapshot was sent. */
  tell: (event: ReplicaEvent) => void;
}

/** Raft's messages over the simulated network, as gateway/consensus/node/mail.ts has them go over the transport. */
export class MemberMail {
  readonly #options: MemberMailOptions;
  readonly #streams = new Map<number, NodeId>();
  /** By what id each has spoken: one that is being taken in answers, and votes, before it knows the members. */
  readonly #heard = new Map<NodeId, string>();
  #members: readonly Member[] = [];
  #nextStream = STREAM_TIMER;

  constructor(options: MemberMailOptions) {
    this.#options = options;
  }

  setMembers(members: readonly Member[]): void {
    this.#members = members;
  }

  take(from: number, wire: Wire): void {
    switch (wire.kind) {
      case 'raft':
        this.#take(from, wire.bytes);
        break;
      case 'snapshot':
        this.#take(from, wire.bytes);
        this.#options.machine.send(from, { kind: 'snapshotTaken', stream: wire.stream });
        break;
      case 'snapshotTaken':
        this.#streamEnds(wire.stream, true);
        break;
      case 'refused': {
        const peer = this.#members.find(({ name }) => name === nameOf(from))?.id;
        if (peer !== undefined) this.#options.tell({ type: 'dead', peer });
        break;
      }
    }
  }

  onTimer(timer: number): void {
    this.#streamEnds(timer, false);
  }

  send(message: Message): void {
    const { machine, unreachableRate, tell } = this.#options;
    const to = this.#members.find(({ id }) => id === message.to)?.name ?? this.#heard.get(message.to);
    if (to === undefined) return;
    const bytes = encodeMessage(message);
    if (message.type === 'MsgSnap') {
      const stream = this.#nextStream++;
      this.#streams.set(stream, message.to);
      machine.setTimer(STREAM_TIMEOUT_MS, stream);
      machine.send(processOf(to), { kind: 'snapshot', stream, bytes });
    } else if (unreachableRate > 0 && machine.random.next() < unreachableRate) {
      tell({ type: 'unreachable', peer: message.to });
    } else {
      machine.send(processOf(to), { kind: 'raft', bytes });
    }
  }

  #take(from: number, bytes: Uint8Array): void {
    const message = decodeMessage(Buffer.from(bytes));
    if (SENT_DIRECTLY.has(message.type)) this.#heard.set(message.from, nameOf(from));
    this.#options.onMessage(message);
  }

  #streamEnds(stream: number, ok: boolean): void {
    const to = this.#streams.get(stream);
    if (to === undefined) return;
    this.#streams.delete(stream);
    this.#options.tell({ type: 'snapshotSent', to, ok });
  }
}
