import { describe, expect, it } from 'vitest';
import { type GatewayStatus, gatewayHealthSchema, sumAccounts } from '../../core/wire/index.ts';
import { recordPoint } from '../../gateway/buffer/index.ts';
import { gatewayHealth } from '../../gateway/health.ts';
import { clockStatus, NEW_YEAR_MS, unsynchronised } from '../support/clocks.ts';

function status(time?: GatewayStatus['time']): GatewayStatus {
  return {
    id: 'gateway-2',
    site: 'home',
    uptimeS: 1,
    brokerUp: true,
    storeUp: true,
    store: 'fake',
    shards: [1, 2],
    devices: 1,
    account: sumAccounts([]),
    buffer: { readings: 0, bytes: 0, lostPositions: 0 },
    latencyMs: { p50: 3, p99: 9 },
    ...(time && { time }),
  };
}

/** Over the wire, and into the store. */
function fieldsOf(time?: GatewayStatus['time']): Record<string, unknown> {
  const health = gatewayHealthSchema.parse(JSON.parse(JSON.stringify(gatewayHealth(status(time), NEW_YEAR_MS))));
  const { fields } = recordPoint({ type: 'health', site: 'home', health });
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name.startsWith('time')));
}

describe('the health of a gateway', () => {
  it('tells how its clock goes, in numbers that can be drawn', () => {
    expect(fieldsOf(clockStatus({ refused: { malformed: 2, staleTerm: 3 } }))).toEqual({
      timeKind: 2,
      timeIsMaster: 1,
      timeIsAlarmed: 0,
      timeUncertaintyMs: 0.42,
      timeUncertaintyMsMax: 50,
      timeBehindMs: 0.004,
      timeFrequencyPpm: -12.5,
      timeRefusedTotal: 5,
      timeStepsTotal: 1,
      timeDisagreementsTotal: 0,
    });
  });

  it('has no uncertainty while nothing is known of the time, rather than one of 0', () => {
    const fields = fieldsOf(unsynchronised());
    expect(fields).toMatchObject({ timeKind: 0, timeIsMaster: 0 });
    expect(fields).not.toHaveProperty('timeUncertaintyMs');
  });

  it('says nothing of a clock that takes no part, as that of an older gateway', () => {
    expect(fieldsOf()).toEqual({});
  });
});
