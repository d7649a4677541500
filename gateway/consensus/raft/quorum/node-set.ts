import type { NodeId } from '../types.ts';

/** Ids of members, written as "(1 2 3)". */
export class NodeSet extends Set<NodeId> {
  sorted(): NodeId[] {
    return [...this].sort((a, b) => a - b);
  }

  override toString(): string {
    return `(${this.sorted().join(' ')})`;
  }
}
