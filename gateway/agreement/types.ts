import type { AgreementStatus } from '../../core/wire/index.ts';
import type { MemberChange } from '../consensus/index.ts';
import type { Coordinator } from '../coordination/index.ts';
import type { Transport } from '../transport/index.ts';

/** How this gateway agrees with the others of its site. */
export interface Agreement {
  readonly driver: 'raft' | 'etcd';
  readonly coordinator: Coordinator;
  /** The connections with other gateways, for what they ask each other beside; none where they agree through etcd. */
  readonly transport?: Transport;
  status(): Promise<AgreementStatus>;
  /**
   * Told when this gateway becomes the leader of its site, with a token that grows with each leader (the term), and, by undefined, when it is
   * the leader no more. At once, if it leads already. Returns how to stop listening.
   */
  onLeadership(listener: (fencingToken: number | undefined) => void): () => void;
  /** Told the names of the gateways that take part, now and whenever they change. Returns how to stop listening. */
  onMembers(listener: (names: string[]) => void): () => void;
  /** Rejects with MEMBER_CHANGE_REFUSED, also where the members are not ours to change (etcd). */
  changeMembers(changes: MemberChange[], timeoutMs: number): Promise<AgreementStatus['members']>;
  /** Hands the lead to another gateway. Rejects with MEMBER_CHANGE_REFUSED or COORDINATION_TIMEOUT. */
  transferTo(name: string, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}
