import { type ConfChangeSingle, type ConfState, NONE, type NodeId } from '../raft/index.ts';
import type { Member, MemberChange } from './types.ts';

/** What travels with a change of the members: who asked, and who is meant by the ids. */
export interface MemberContext {
  requestId: string;
  added: { id: NodeId; name: string; address: string }[];
}

/**
 * Names and addresses of the members. Raft knows ids alone, and an id is never given twice: a member that was removed and comes back
 * is another one, since the votes of its first life may be lost (Ongaro 2014, section 4.4).
 */
export class MemberBook {
  #members: Member[];
  #nextId: NodeId;

  constructor(members: readonly Member[]) {
    this.#members = [...members];
    this.#nextId = members.reduce((most, { id }) => Math.max(most, id), 0) + 1;
  }

  static fromJson(text: string): MemberBook {
    const { members, nextId } = JSON.parse(text);
    const book = new MemberBook(members);
    book.#nextId = nextId;
    return book;
  }

  toJson(): string {
    return JSON.stringify({ members: this.#members, nextId: this.#nextId });
  }

  get list(): readonly Member[] {
    return this.#members;
  }

  /** The change in Raft's words; or why it makes no sense. */
  plan(changes: readonly MemberChange[]): { changes: ConfChangeSingle[]; added: MemberContext['added'] } | string {
    const planned: ConfChangeSingle[] = [];
    const added: MemberContext['added'] = [];
    let nextId = this.#nextId;
    if (new Set(changes.map(({ name }) => name)).size < changes.length) return 'A member is named twice.';
    for (const change of changes) {
      const known = this.#members.find(({ name }) => name === change.name);
      if (change.change === 'remove') {
        if (known === undefined) return `${change.name} is no member.`;
        planned.push({ type: 'ConfChangeRemoveNode', nodeId: known.id });
        continue;
      }
      if (known !== undefined && known.role === change.role && known.address === change.address) {
        return `${change.name} is a ${change.role} already.`;
      }
      const id = known?.id ?? nextId++;
      const type = change.role === 'voter' ? 'ConfChangeAddNode' : 'ConfChangeAddLearnerNode';
      planned.push({ type, nodeId: id });
      added.push({ id, name: change.name, address: change.address });
    }
    return { changes: planned, added };
  }

  /**
   * Why a change that was agreed on must not take effect: it was planned by a member that had not heard of another one yet, and
   * gives an id or a name a second meaning. The same at each member.
   */
  conflict(context: MemberContext | undefined): string | undefined {
    for (const { id, name } of context?.added ?? []) {
      const isKnown = this.#members.some((member) => member.id === id && member.name === name);
      const isNew = id >= this.#nextId && !this.#members.some((member) => member.name === name);
      if (!isKnown && !isNew) return `Another change of the members came before that of ${name}.`;
    }
    return undefined;
  }

  /** Takes over what was agreed. The same entry gives the same book at each member. */
  apply(context: MemberContext | undefined, state: ConfState): void {
    for (const { id, name, address } of context?.added ?? []) {
      this.#nextId = Math.max(this.#nextId, id + 1);
      const known = this.#members.find((member) => member.id === id);
      if (known === undefined) this.#members.push({ id, name, address, role: 'learner' });
      else known.address = address;
    }
    const voters = new Set([...state.voters, ...state.votersOutgoing]);
    const learners = new Set([...state.learners, ...state.learnersNext]);
    this.#members = this.#members
      .filter(({ id }) => voters.has(id) || learners.has(id))
      .map((member) => ({ ...member, role: voters.has(member.id) ? 'voter' : 'learner' }));
  }

  nameOf(id: NodeId): string | undefined {
    return id === NONE ? undefined : this.#members.find((member) => member.id === id)?.name;
  }
}

const decoder = new TextDecoder();

export function encodeContext(context: MemberContext): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(context));
}

export function decodeContext(bytes: Uint8Array): MemberContext | undefined {
  return bytes.length === 0 ? undefined : JSON.parse(decoder.decode(bytes));
}
