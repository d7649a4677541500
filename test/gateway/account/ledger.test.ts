import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../gateway/account/index.ts';

const device = { site: 'home', device: 'd1', boot: 'b1' };

describe('Ledger', () => {
  it('closes the account: sent = taken + dropped + missing', () => {
    const ledger = new Ledger();
    for (const seq of [1, 2, 3, 6, 10]) ledger.take({ ...device, seq });
    ledger.declareDropped(device, 4, 5);
    expect(ledger.totals()).toEqual({
      sent: 10,
      taken: 5,
      dropped: 2,
      missing: 3,
      unnumbered: 0,
      duplicates: 0,
      devices: 1,
    });
  });

  it('tells a reading that was taken from one that was not, by device, boot and number', () => {
    const ledger = new Ledger();
    expect(ledger.take({ ...device, seq: 1 })).toBe(true);
    expect(ledger.take({ ...device, seq: 1 })).toBe(false);
    expect(ledger.has({ ...device, seq: 1 })).toBe(true);
    expect(ledger.has({ ...device, boot: 'b2', seq: 1 })).toBe(false);
    expect(ledger.has({ ...device, site: 'other', seq: 1 })).toBe(false);
  });

  it('counts a reading that was declared dropped and came all the same as taken', () => {
    const ledger = new Ledger();
    ledger.declareDropped(device, 1, 3);
    ledger.take({ ...device, seq: 2 });
    expect(ledger.totals()).toMatchObject({ sent: 3, taken: 1, dropped: 2, missing: 0 });
  });

  it('counts the first numbers of a boot as missing until they come', () => {
    const ledger = new Ledger();
    ledger.take({ ...device, seq: 4 });
    expect(ledger.totals().missing).toBe(3);
  });

  it('comes back from a snapshot the same', () => {
    const ledger = new Ledger();
    ledger.take({ ...device, seq: 1 });
    ledger.take({ ...device, seq: 3 });
    ledger.declareDropped(device, 2, 2);
    ledger.takeUnsequenced();
    ledger.countDuplicate();
    const restored = Ledger.restore(JSON.parse(JSON.stringify(ledger.snapshot())));
    expect(restored.totals()).toEqual(ledger.totals());
    expect(restored.take({ ...device, seq: 3 })).toBe(false);
  });

  it('stays bounded and keeps its totals when a device restarts all the time', () => {
    const ledger = new Ledger();
    for (let boot = 0; boot < 1000; boot++) {
      ledger.take({ ...device, boot: `b${boot}`, seq: 1 });
      ledger.take({ ...device, boot: `b${boot}`, seq: 3 });
    }
    expect(ledger.totals()).toMatchObject({ sent: 3000, taken: 2000, missing: 1000 });
    expect(ledger.snapshot().devices[0]?.boots.length).toBe(16);
  });
});
