import { parseConfChanges } from '../../../../../../gateway/consensus/raft/confchange/index.ts';
import type {
  AnyConfChange,
  ConfChangeTransition,
  NodeId,
  RaftConfig,
  Snapshot,
} from '../../../../../../gateway/consensus/raft/index.ts';
import type { DataDrivenArg, DataDrivenCase } from '../../../../../support/datadriven.ts';
import type { Recipient } from './group.ts';

const TRANSITIONS: Record<string, ConfChangeTransition> = {
  auto: 'ConfChangeTransitionAuto',
  implicit: 'ConfChangeTransitionJointImplicit',
  explicit: 'ConfChangeTransitionJointExplicit',
};

/** The arguments of a directive, as what they mean. */
export class Directive {
  readonly command: string;
  readonly #args: DataDrivenArg[];
  readonly #input: string;

  constructor({ command, args, input }: DataDrivenCase) {
    this.command = command;
    this.#args = args;
    this.#input = input;
  }

  /** What stands without a key. */
  get words(): string[] {
    return this.#args.filter((arg) => arg.values.length === 0).map((arg) => arg.key);
  }

  /** The members that it is about; numbers that are something else among them, where the directive says so. */
  get ids(): NodeId[] {
    return this.words.map(Number);
  }

  #all(key: string): string[] {
    return this.#args.find((arg) => arg.key === key)?.values ?? [];
  }

  one(key: string): string | undefined {
    return this.#all(key)[0];
  }

  recipients(): Recipient[] {
    const dropped = this.#all('drop').map((id) => ({ id: Number(id), isDropped: true }));
    return [...this.ids.map((id) => ({ id, isDropped: false })), ...dropped];
  }

  /** Of add-nodes; throws on a key that it does not know, so that none is passed over. */
  config(): Partial<RaftConfig> {
    const config: Partial<RaftConfig> = {};
    for (const { key, values } of this.#args.slice(1)) {
      const value = values[0]!;
      const isTrue = value === 'true';
      if (key === 'inflight') config.maxInflightMsgs = Number(value);
      else if (key === 'index') config.applied = Number(value);
      else if (key === 'async-storage-writes') config.asyncStorageWrites = isTrue;
      else if (key === 'prevote') config.preVote = isTrue;
      else if (key === 'checkquorum') config.checkQuorum = isTrue;
      else if (key === 'max-committed-size-per-ready') config.maxCommittedSizePerReady = Number(value);
      else if (key === 'disable-conf-change-validation') config.disableConfChangeValidation = isTrue;
      else if (key === 'step-down-on-removal') config.stepDownOnRemoval = isTrue;
      else if (key === 'read-only') {
        config.readOnlyOption = value === 'lease-based' ? 'ReadOnlyLeaseBased' : 'ReadOnlySafe';
      } else if (!['voters', 'learners', 'content'].includes(key)) {
        throw new Error(`no key ${key} of add-nodes`);
      }
    }
    return config;
  }

  /** What the new members start from; index 0 is nothing. */
  snapshot(): Snapshot {
    const index = Number(this.one('index') ?? 0);
    const [voters, learners] = [this.#all('voters').map(Number), this.#all('learners').map(Number)];
    const confState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
    return {
      metadata: { confState, index, term: index > 0 ? 1 : 0 },
      data: Buffer.from(this.one('content') ?? ''),
    };
  }

  confChange(): AnyConfChange {
    const changes = parseConfChanges(this.#input);
    const context = new Uint8Array();
    if (this.one('v1') === 'true') return { ...changes[0]!, context };
    return { transition: TRANSITIONS[this.one('transition') ?? 'auto']!, changes, context };
  }
}
