import { expect, it } from 'vitest';
import { LatticeError } from '../../../../../core/errors/index.ts';
import { Changer, parseConfChanges } from '../../../../../gateway/consensus/raft/confchange/index.ts';
import {
  describeConfig,
  describeProgressMap,
  type Members,
  ProgressTracker,
} from '../../../../../gateway/consensus/raft/tracker/index.ts';
import { type DataDrivenCase, describeRecorded, readDataDriven } from '../../../../support/datadriven.ts';

describeRecorded("etcd's recorded changes of the members", 'etcd-raft/confchange', (files) => {
  const recordings = files.map(readDataDriven);

  it('are all there', () => {
    const count = recordings.flat().length;
    console.log(`confchange: ${count} recorded cases`);
    expect(count).toBe(58);
  });

  it.each(recordings.map((cases): [string, DataDrivenCase[]] => [cases[0]!.at, cases]))('%s', (_, cases) => {
    const tracker = new ProgressTracker(10, 0);
    for (const [lastIndex, recorded] of cases.entries()) {
      expect(run(tracker, recorded, lastIndex), recorded.at).toBe(recorded.expected);
    }
  });
});

/** The end of the log moves on by one with each case, as in the recording. */
function run(tracker: ProgressTracker, recorded: DataDrivenCase, lastIndex: number): string {
  try {
    const members = change(new Changer(tracker, lastIndex), recorded);
    tracker.setMembers(members);
    return `${describeConfig(members.config)}\n${describeProgressMap(members.progress)}`;
  } catch (error) {
    if (!(error instanceof LatticeError) || error.code !== 'MEMBER_CHANGE_REFUSED') throw error;
    return `${error.message}\n`;
  }
}

function change(changer: Changer, { command, args, input }: DataDrivenCase): Members {
  const changes = parseConfChanges(input);
  switch (command) {
    case 'simple':
      return changer.simple(changes);
    case 'enter-joint':
      return changer.enterJoint(args[0]?.values[0] === 'true', changes);
    case 'leave-joint':
      return changer.leaveJoint();
    default:
      throw new Error(`no command ${command}`);
  }
}
