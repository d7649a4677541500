import type { NodeSet } from './node-set.ts';
import type { AckedIndex } from './types.ts';

/** Draws what each voter has acknowledged; "?" where nothing was heard. The form is the one of etcd's recorded cases. */
export function describeProgress(voters: NodeSet, ackedIndex: AckedIndex): string {
  if (voters.size === 0) return '<empty majority quorum>';
  const width = voters.size;
  const rows = voters.sorted().map((id) => ({ id, acked: ackedIndex(id) }));
  const ascending = rows.map((row) => row.acked ?? 0).sort((a, b) => a - b);
  const lines = rows.map(({ id, acked }) => {
    // Voters that have the same index get the same bar.
    const bar = ascending.indexOf(acked ?? 0);
    const drawn = acked === undefined ? '?' : `${'x'.repeat(bar)}>`;
    return `${drawn.padEnd(width + 1)} ${String(acked ?? 0).padStart(5)}    (id=${id})\n`;
  });
  return `${' '.repeat(width)}    idx\n${lines.join('')}`;
}
