import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { describeWithPeers } from '../../support/peers.ts';
import { CASES, type Case } from './cases.ts';
import { measure } from './measure.ts';

const EXTENT = { warmUpMs: 300, measureMs: 1_000, messages: 300 };

function caseOf(name: string): Case {
  const found = CASES.find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no case ${name}.`);
  return found;
}

describeWithPeers('measure', ['mosquitto'], () => {
  it.each(['ours', 'peer'] as const)('counts the bytes of what crosses a link, and loses nothing (%s)', async (who) => {
    const the = caseOf('link-wire');
    const { sample } = await measure(the, the[who], EXTENT, tmpdir());
    expect(sample.lost).toBe(0);
    // With compression less than the payload alone; with every acknowledgement twice as much at most.
    expect(sample.wireBytes).toBeGreaterThan(5);
    expect(sample.wireBytes).toBeLessThan(300);
  });

  it('times a backlog from the moment that the link is back', async () => {
    const the = caseOf('link-backlog');
    const { sample } = await measure(the, the.ours, EXTENT, tmpdir());
    expect(sample.lost).toBe(0);
    // It waited for the link, not the other way round.
    expect(sample.drainS).toBeGreaterThan(EXTENT.messages / (sample.drainPerSecond as number));
  });

  it('measures every metric of its case', async () => {
    const the = caseOf('federation');
    const { sample } = await measure(the, the.ours, EXTENT, tmpdir());
    for (const metric of the.metrics) expect(sample[metric]).toBeGreaterThanOrEqual(0);
    expect(sample.perSecond).toBeGreaterThan(0);
  });
});
