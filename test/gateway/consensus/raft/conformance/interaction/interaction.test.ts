import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { type DataDrivenCase, describeRecorded, readDataDriven } from '../../../../../support/datadriven.ts';
import { Interaction } from './interaction.ts';
import { withoutLog } from './output.ts';

describeRecorded("etcd's recorded interactions", 'etcd-raft/interaction', (files) => {
  const recordings = files.map((file): [string, DataDrivenCase[]] => [basename(file, '.txt'), readDataDriven(file)]);

  it('are all there', () => {
    const count = recordings.flatMap(([, cases]) => cases).length;
    console.log(`interaction: ${recordings.length} files, ${count} recorded cases, none skipped`);
    expect([recordings.length, count]).toEqual([28, 558]);
  });

  it.each(recordings)('%s', (_, cases) => {
    const interaction = new Interaction(cases);
    for (const recorded of cases) {
      expect(withoutLog(interaction.run(recorded)), recorded.at).toBe(withoutLog(recorded.expected));
    }
  });
});
