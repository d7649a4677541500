import {
  type Message,
  type MessageType,
  type NodeId,
  RaftError,
  type Role,
} from '../../../../gateway/consensus/raft/index.ts';
import { Member, type MemberOptions } from './member.ts';

/** Members and what is on its way between them, delivered in order. */
export class Network {
  readonly members = new Map<NodeId, Member>();
  readonly #cut = new Set<string>();
  readonly #ignored = new Set<MessageType>();

  constructor(...members: Member[]) {
    for (const member of members) this.members.set(member.id, member);
  }

  /** A group of that size, with the same options for all. */
  static of(size: number, options: MemberOptions = {}): Network {
    const voters = Array.from({ length: size }, (_, at) => at + 1);
    return new Network(...voters.map((id) => new Member(id, { voters, ...options })));
  }

  at(id: NodeId): Member {
    return this.members.get(id)!;
  }

  /** Delivers until nothing is on its way any more. */
  settle(): this {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const member of this.members.values()) {
        for (const sent of member.flush()) {
          isBusy = true;
          this.#deliver(sent);
        }
      }
    }
    return this;
  }

  #deliver(sent: Message): void {
    const receiver = this.members.get(sent.to);
    if (receiver === undefined || this.#cut.has(`${sent.from}>${sent.to}`) || this.#ignored.has(sent.type)) return;
    try {
      receiver.node.step(sent);
    } catch (error) {
      // Dropped proposals and answers of strangers are a network's everyday life.
      if (!(error instanceof RaftError)) throw error;
    }
  }

  campaign(id: NodeId): this {
    this.at(id).node.campaign();
    return this.settle();
  }

  propose(id: NodeId, data: string): this {
    this.at(id).node.propose(new TextEncoder().encode(data));
    return this.settle();
  }

  /** Ticks one member, delivering after each tick. */
  tick(id: NodeId, count = 1): this {
    for (let at = 0; at < count; at++) {
      this.at(id).node.tick();
      this.settle();
    }
    return this;
  }

  cut(a: NodeId, b: NodeId): this {
    this.#cut.add(`${a}>${b}`).add(`${b}>${a}`);
    return this;
  }

  isolate(id: NodeId): this {
    for (const other of this.members.keys()) if (other !== id) this.cut(id, other);
    return this;
  }

  ignore(type: MessageType): this {
    this.#ignored.add(type);
    return this;
  }

  recover(): this {
    this.#cut.clear();
    this.#ignored.clear();
    return this;
  }

  roles(): Role[] {
    return [...this.members.values()].map(({ role }) => role);
  }
}
