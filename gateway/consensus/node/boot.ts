import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, LatticeError } from '../../../core/errors/index.ts';
import { writeFileAtomic } from '../../../core/files/index.ts';
import { type Clock, repeat, type Timer } from '../../../core/time/index.ts';
import type { Transport } from '../../transport/index.ts';
import type { Message, NodeId, Snapshot } from '../raft/index.ts';
import { joinSnapshot, type Member, MemberBook, type Recovered, splitSnapshot } from '../replica/index.ts';
import type { RaftStorage } from '../storage/index.ts';
import { type BootAnswer, bootFrameSchema, bootVerdict } from './boot-check.ts';
import type { GroupNodeOptions } from './types.ts';

const CHANNEL = 'raft-boot';
const ASK_EVERY_MS = 250;
const DISK_FILE = 'disk';
/** Index and term of what every initial member begins with. */
const FIRST = { index: 1, term: 1 };

export interface BootOptions {
  name: string;
  directory: string;
  initialMembers: GroupNodeOptions['initialMembers'];
  clock: Clock;
  transport: Transport;
  storage: RaftStorage;
  diskOf: (id: NodeId) => string | undefined;
  /** Snapshot of the state machine before the first command. */
  emptyState: () => Uint8Array;
  /** As of the state that this member has, once it takes part. */
  membersNow: () => readonly Member[] | undefined;
  onReady: (id: NodeId) => void;
  onFailed: (error: unknown) => void;
}

/**
 * How a member comes to know who it is: from its disk; or, with the others at the beginning of a group, from the configuration;
 * or, when it is taken in later, from the first message that the leader sends it.
 */
export class Boot {
  readonly disk: string;
  readonly #options: BootOptions;
  readonly #initial: Member[];
  readonly #answers = new Map<string, BootAnswer>();
  #recovered: Recovered;
  #isReady = false;
  /** The group has removed the member of this name, and may take it in again as another one. */
  #isOutside = false;
  #asking: Timer | undefined;
  #stopListening: (() => void) | undefined;

  static async open(options: BootOptions): Promise<Boot> {
    return new Boot(options, await diskName(options.directory));
  }

  constructor(options: BootOptions, disk: string) {
    this.#options = options;
    this.disk = disk;
    this.#recovered = options.storage.recovered;
    const sorted = [...options.initialMembers].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#initial = sorted.map(({ name, address, role = 'voter' }, at) => ({ id: at + 1, name, address, role }));
  }

  get recovered(): Recovered {
    return this.#recovered;
  }

  /** Whom to talk to: the members as of the snapshot on disk, else those of the configuration. */
  get members(): readonly Member[] {
    const { snapshot } = this.#recovered;
    return snapshot === undefined ? this.#initial : splitSnapshot(snapshot.data).book.list;
  }

  start(): void {
    const { clock, transport, storage } = this.#options;
    this.#stopListening = transport.onFrame(CHANNEL, (peer, bytes) => this.#onFrame(peer, bytes));
    if (!storage.isNew) {
      const own = this.#own(this.members);
      if (own !== undefined) this.#ready(own);
      return;
    }
    if (this.#own(this.#initial) === undefined) return;
    this.#ask();
    this.#asking = repeat(clock, ASK_EVERY_MS, () => this.#ask());
  }

  stop(): void {
    this.#asking?.cancel();
    this.#stopListening?.();
  }

  /** The leader of a group that has taken this member in says by what id. */
  onRaftMessage({ to }: Message): void {
    const mayJoin = this.#isOutside || this.#own(this.members) === undefined;
    if (!this.#isReady && mayJoin) this.#ready(to);
  }

  #own(members: readonly Member[]): NodeId | undefined {
    return members.find(({ name }) => name === this.#options.name)?.id;
  }

  #ready(id: NodeId): void {
    this.#isReady = true;
    this.#asking?.cancel();
    this.#options.onReady(id);
  }

  #ask(): void {
    if (this.#isReady) return;
    const question = Buffer.from(JSON.stringify({ kind: 'boot-question', disk: this.disk }));
    for (const { name } of this.#initial) {
      if (name !== this.#options.name) this.#options.transport.send(name, CHANNEL, question);
    }
    this.#judge();
  }

  #onFrame(peer: string, bytes: Buffer): void {
    const frame = bootFrameSchema.safeParse(parseJson(bytes)).data;
    if (frame?.kind === 'boot-question') this.#answer(peer);
    if (frame?.kind !== 'boot-answer' || this.#isReady || !this.#options.storage.isNew) return;
    this.#answers.set(peer, frame);
    this.#judge();
  }

  #answer(peer: string): void {
    const { membersNow } = this.#options;
    const id = (membersNow() ?? this.members).find(({ name }) => name === peer)?.id;
    const knownDisk = id === undefined ? undefined : this.#options.diskOf(id);
    const answer = { kind: 'boot-answer', hasBegun: this.#isReady, memberId: id, knownDisk };
    this.#options.transport.send(peer, CHANNEL, Buffer.from(JSON.stringify(answer)));
  }

  #judge(): void {
    const { name, storage, emptyState, onFailed } = this.#options;
    const id = this.#own(this.#initial) as NodeId;
    const verdict = bootVerdict(this.#answers.values(), { disk: this.disk, id, members: this.#initial.length });
    if (verdict === 'join') this.#isOutside = true;
    if (verdict === 'wait' || verdict === 'join' || this.#isReady) return;
    this.#isReady = true;
    this.#asking?.cancel();
    if (verdict !== 'begin') {
      const detail = `The others know ${name} by another disk (${verdict.lostDisk}), and the folder of this one is empty.`;
      onFailed(new LatticeError('RAFT_STORAGE_DAMAGED', detail));
      return;
    }
    const snapshot = this.#firstSnapshot(emptyState());
    const hardState = { term: FIRST.term, vote: 0, commit: FIRST.index };
    storage.persist({ snapshot, hardState, entries: [] }).then(() => {
      this.#recovered = { snapshot, hardState, entries: [] };
      this.#ready(id);
    }, onFailed);
  }

  #firstSnapshot(state: Uint8Array): Snapshot {
    const ids = (role: Member['role']): NodeId[] => this.#initial.filter((it) => it.role === role).map(({ id }) => id);
    const confState = {
      voters: ids('voter'),
      learners: ids('learner'),
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    return { metadata: { confState, ...FIRST }, data: joinSnapshot(new MemberBook(this.#initial), state) };
  }
}

/** Names the disk at its first use. */
async function diskName(directory: string): Promise<string> {
  const path = join(directory, DISK_FILE);
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const name = randomUUID();
  await writeFileAtomic(path, `${name}\n`);
  return name;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
