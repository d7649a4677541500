import { parseAddress, type Transport } from '../../transport/index.ts';
import { decodeMessage, encodeMessage } from '../codec/index.ts';
import { type Message, NONE, type NodeId } from '../raft/index.ts';
import type { Member } from '../replica/index.ts';

const CHANNEL = 'raft';
const SNAPSHOT_CHANNEL = 'raft-snapshot';
/** A snapshot goes out in pieces of that size. */
const CHUNK_BYTES = 256 * 1024;
const SENT_DIRECTLY = new Set<Message['type']>(['MsgApp', 'MsgHeartbeat', 'MsgSnap', 'MsgVote', 'MsgPreVote']);
const SNAPSHOT_BYTES_MAX = 1024 ** 3;

export interface MailOptions {
  name: string;
  transport: Transport;
  onMessage: (message: Message) => void;
  onUnreachable: (peer: NodeId) => void;
  onDead: (peer: NodeId) => void;
  onSnapshotSent: (to: NodeId, ok: boolean) => void;
}

/** Raft's messages over the transport between gateways: ids become names, and a snapshot is sent as a stream. */
export class Mail {
  readonly #options: MailOptions;
  readonly #stops: (() => void)[] = [];
  #members: Member[] = [];
  /** By what id each has spoken: one that is being taken in answers, and votes, before it knows the book of members. */
  readonly #heard = new Map<NodeId, string>();

  constructor(options: MailOptions) {
    this.#options = options;
  }

  start(): void {
    const { transport, onDead } = this.#options;
    this.#stops.push(
      transport.onFrame(CHANNEL, (peer, bytes) => this.#take(decodeMessage(bytes), peer)),
      transport.onStream(SNAPSHOT_CHANNEL, (peer, meta, chunks) => this.#takeSnapshot(peer, meta, chunks)),
      transport.onPeerDown((peer, { refused }) => {
        const id = this.#idOf(peer);
        if (refused && id !== NONE) onDead(id);
      }),
    );
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  setMembers(members: readonly Member[]): void {
    const { transport, name } = this.#options;
    for (const old of this.#members) {
      if (old.name !== name && !members.some((member) => member.name === old.name)) transport.removePeer(old.name);
    }
    this.#members = [...members];
    for (const member of members) {
      if (member.name === name) continue;
      const { host, port } = parseAddress(member.address);
      transport.setPeer({ name: member.name, host, port });
    }
  }

  send(message: Message): void {
    const { transport, onUnreachable } = this.#options;
    const name = this.#nameOf(message.to);
    if (name === undefined) return;
    if (message.type === 'MsgSnap') this.#sendSnapshot(name, message);
    else if (!transport.send(name, CHANNEL, encodeMessage(message))) onUnreachable(message.to);
  }

  #sendSnapshot(name: string, message: Message): void {
    const { transport, onSnapshotSent } = this.#options;
    const { snapshot, to } = message;
    if (snapshot === undefined) return;
    const meta = encodeMessage({ ...message, snapshot: { ...snapshot, data: new Uint8Array(0) } });
    transport.sendStream(name, SNAPSHOT_CHANNEL, meta, pieces(snapshot.data)).then(
      () => onSnapshotSent(to, true),
      () => onSnapshotSent(to, false),
    );
  }

  async #takeSnapshot(peer: string, meta: Buffer, chunks: AsyncIterable<Buffer>): Promise<void> {
    const message = decodeMessage(meta);
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > SNAPSHOT_BYTES_MAX) throw new RangeError(`A snapshot of more than ${SNAPSHOT_BYTES_MAX} bytes.`);
      parts.push(Buffer.from(chunk));
    }
    if (message.snapshot === undefined) return;
    this.#take({ ...message, snapshot: { ...message.snapshot, data: Buffer.concat(parts) } }, peer);
  }

  #take(message: Message, peer: string): void {
    // These are never handed on by somebody else.
    if (SENT_DIRECTLY.has(message.type)) this.#heard.set(message.from, peer);
    this.#options.onMessage(message);
  }

  #idOf(name: string): NodeId {
    return this.#members.find((member) => member.name === name)?.id ?? NONE;
  }

  #nameOf(id: NodeId): string | undefined {
    return this.#members.find((member) => member.id === id)?.name ?? this.#heard.get(id);
  }
}

function* pieces(data: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < data.length; at += CHUNK_BYTES) yield data.subarray(at, at + CHUNK_BYTES);
}
