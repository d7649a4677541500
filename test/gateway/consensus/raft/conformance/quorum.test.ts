import { expect, it } from 'vitest';
import { JointConfig, MajorityConfig, type VoteResult } from '../../../../../gateway/consensus/raft/quorum/index.ts';
import type { NodeId } from '../../../../../gateway/consensus/raft/types.ts';
import { type DataDrivenCase, describeRecorded, readDataDriven } from '../../../../support/datadriven.ts';

describeRecorded("etcd's recorded quorums", 'etcd-raft/quorum', (files) => {
  const cases = files.flatMap(readDataDriven);

  it('are all there', () => {
    console.log(`quorum: ${cases.length} recorded cases`);
    expect(cases).toHaveLength(127);
  });

  it.each(cases)('$at $command', (recorded) => {
    expect(run(recorded)).toBe(recorded.expected);
  });
});

function run({ command, args }: DataDrivenCase): string {
  const values = (key: string): string[] | undefined => args.find((arg) => arg.key === key)?.values;
  const incoming = (values('cfg') ?? []).map(Number);
  const cfgj = values('cfgj');
  const outgoing = cfgj === undefined || cfgj[0] === 'zero' ? [] : cfgj.map(Number);
  const majority = new MajorityConfig(incoming);
  const joint = new JointConfig(incoming, outgoing);
  const swapped = new JointConfig(outgoing, incoming);

  /** The values stand in the order in which the voters are first named; "_" is nothing heard. */
  const byVoter = <T>(texts: string[], parse: (text: string) => T): Map<NodeId, T> => {
    const voters = [...new Set([...incoming, ...outgoing])];
    expect(texts).toHaveLength(voters.length);
    const pairs = voters.map((id, i): [NodeId, string] => [id, texts[i]!]);
    return new Map(pairs.filter(([, text]) => text !== '_').map(([id, text]) => [id, parse(text)]));
  };

  if (command === 'vote') {
    const votes = byVoter(values('votes') ?? [], (text) => text === 'y');
    const result: VoteResult = cfgj === undefined ? majority.voteResult(votes) : joint.voteResult(votes);
    expect(swapped.voteResult(votes)).toBe(result);
    return `${result}\n`;
  }
  expect(command).toBe('committed');
  const acked = byVoter(values('idx') ?? [], Number);
  const ackedIndex = (id: NodeId) => acked.get(id);
  const config = cfgj === undefined ? majority : joint;
  const index = config.committedIndex(ackedIndex);
  expect(swapped.committedIndex(ackedIndex)).toBe(index);
  expect(new JointConfig(incoming, incoming).committedIndex(ackedIndex)).toBe(majority.committedIndex(ackedIndex));
  return `${config.describe(ackedIndex)}${index === Number.POSITIVE_INFINITY ? '∞' : index}\n`;
}
