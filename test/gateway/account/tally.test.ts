import { describe, expect, it } from 'vitest';
import { Ledger, Tally } from '../../../gateway/account/index.ts';

const device = { site: 's', device: 'd', boot: 'b' };

function setUp(taken: number) {
  const ledger = new Ledger();
  const tally = new Tally({ stored: 0, rejected: 0, buffered: 0 });
  for (let seq = 1; seq <= taken; seq++) {
    ledger.take({ ...device, seq });
    tally.noteTaken();
  }
  return { tally, account: () => tally.account(ledger.totals(), { received: taken, refused: 0 }) };
}

describe('Tally', () => {
  it('follows a reading from the buffer into the store or the dead letters', () => {
    const { tally, account } = setUp(10);
    expect(account()).toMatchObject({ sent: 10, stored: 0, buffered: 10, lost: 0 });
    tally.noteSettled(6, 1);
    expect(account()).toMatchObject({ sent: 10, stored: 6, rejected: 1, buffered: 3, lost: 0 });
  });

  it('calls lost what was taken and is neither buffered nor settled when the buffer is drained', () => {
    const { tally, account } = setUp(10);
    tally.noteSettled(7, 0);
    tally.noteDrained();
    expect(account()).toMatchObject({ stored: 7, buffered: 0, lost: 3 });
  });
});
