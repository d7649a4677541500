import { describe, expect, it } from 'vitest';
import { type MeshStatus, withStore } from '../../../core/cli/status.ts';

const parts: MeshStatus = {
  site: 'home',
  brokers: [],
  brokersDown: [],
  gateways: [],
  gatewaysDown: [],
  account: {
    sent: 110,
    stored: 105,
    buffered: 5,
    rejected: 0,
    lost: 0,
    dropped: 0,
    missing: 0,
    unnumbered: 5,
    duplicates: 0,
    received: 110,
    refused: 0,
  },
  closed: true,
};

describe('the account beside the store', () => {
  it('is closed when the store has every numbered reading that was written to it', () => {
    expect(withStore(parts, { storeCount: 100 })).toMatchObject({ closed: true, storeLacks: 0 });
    expect(withStore(parts, { storeCount: 103 })).toMatchObject({ closed: true, storeLacks: 0 });
  });

  it('is open when the store lacks some, or does not answer', () => {
    expect(withStore(parts, { storeCount: 40 })).toMatchObject({ closed: false, storeLacks: 60 });
    expect(withStore(parts, { storeError: 'away' })).toMatchObject({ closed: false, storeError: 'away' });
  });
});
