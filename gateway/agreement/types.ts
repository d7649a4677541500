import type { AgreementStatus } from '../../core/wire/index.ts';
import type { MemberChange } from '../consensus/index.ts';
import type { Coordinator } from '../coordination/index.ts';

/** How this gateway agrees with the others of its site. */
export interface Agreement {
  readonly coordinator: Coordinator;
  status(): Promise<AgreementStatus>;
  /**
   * Told when this gateway becomes the leader of its site, with a token that grows with each leader (the term), and, by undefined, when it is
   * the leader no more. At once, if it leads already. Returns how to stop listening.
   */
  onLeadership(listener: (fencingToken: number | undefined) => void): () => void;
  /** Rejects with MEMBER_CHANGE_REFUSED, also where the members are not ours to change (etcd). */
  changeMembers(changes: MemberChange[], timeoutMs: number): Promise<AgreementStatus['members']>;
  /** Hands the lead to another gateway. Rejects with MEMBER_CHANGE_REFUSED or COORDINATION_TIMEOUT. */
  transferTo(name: string, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}
