import { JointConfig, NodeSet } from '../quorum/index.ts';
import type { NodeId } from '../types.ts';

/** Who the members are. */
export interface TrackerConfig {
  readonly voters: JointConfig;
  /** A joint configuration is left as soon as it is committed, without being asked. */
  readonly autoLeave: boolean;
  /** Get the log and have no vote. No voter of either half is among them. */
  readonly learners: NodeSet;
  /** Voters of the outgoing half that become learners when it is left; until then they are voters and nothing else. */
  readonly learnersNext: NodeSet;
}

/** What is given, all else empty. The sets are copied. */
export function trackerConfig(
  members: {
    voters?: Iterable<NodeId>;
    votersOutgoing?: Iterable<NodeId>;
    learners?: Iterable<NodeId>;
    learnersNext?: Iterable<NodeId>;
    autoLeave?: boolean;
  } = {},
): TrackerConfig {
  return {
    voters: new JointConfig(members.voters, members.votersOutgoing),
    autoLeave: members.autoLeave ?? false,
    learners: new NodeSet(members.learners),
    learnersNext: new NodeSet(members.learnersNext),
  };
}

/** One line as etcd's log has it, for example "voters=(1 2 3)&&(1) learners=(4) autoleave". */
export function describeConfig(config: TrackerConfig): string {
  return [
    `voters=${config.voters}`,
    config.learners.size > 0 ? ` learners=${config.learners}` : '',
    config.learnersNext.size > 0 ? ` learners_next=${config.learnersNext}` : '',
    config.autoLeave ? ' autoleave' : '',
  ].join('');
}
