import { describe, expect, it } from 'vitest';
import { clockFaults, clockRows, masterOf, timeTargetSchema } from '../../../core/wire/index.ts';
import { clockStatus, memberStatus, meshClocks, unsynchronised } from '../../support/clocks.ts';

describe('the table of the clocks', () => {
  it('tells of a member what its master has measured, and of the master its own word', () => {
    const rows = clockRows(meshClocks());
    expect(rows.map(({ id, isMaster, behindMs, path }) => [id, isMaster, behindMs, path])).toEqual([
      ['gateway-1', false, 0.012, 'udp'],
      ['gateway-2', true, 0, undefined],
      ['gateway-3', false, -1.5, 'tcp'],
    ]);
    expect(rows[0]).toMatchObject({ uncertaintyMs: 0.42, roundTripMsMin: 0.21, samples: 64, verdict: 'accepted' });
  });

  it('has no row for a gateway that takes no part, and the own word of those that no master knows', () => {
    const rows = clockRows([{ id: 'gateway-1', time: clockStatus() }, { id: 'gateway-2' }]);
    expect(rows).toEqual([expect.objectContaining({ id: 'gateway-1', isMaster: false, behindMs: 0.004 })]);
    expect(rows[0]).not.toHaveProperty('samples');
    expect(clockRows([{ id: 'gateway-1' }])).toEqual([]);
  });

  it('counts what was refused by the gateway, and of its probes, leaving out what is 0', () => {
    const time = clockStatus({ refused: { malformed: 2, staleTerm: 0 } });
    const members = [memberStatus('gateway-1', { impossible: 3 })];
    const [row] = clockRows([
      { id: 'gateway-1', time },
      { id: 'gateway-2', time: clockStatus({ members }) },
    ]);
    expect(row?.refused).toEqual({ malformed: 2, impossible: 3 });
  });

  it('takes the master of the later term when two think that they are', () => {
    const deposed = { id: 'gateway-1', time: clockStatus({ master: 'gateway-1', term: 6 }) };
    const present = { id: 'gateway-2', time: clockStatus() };
    expect(masterOf([deposed, present])).toBe(present);
    expect(clockRows([deposed, present]).map(({ isMaster }) => isMaster)).toEqual([false, true]);
    expect(masterOf([{ id: 'gateway-3', time: clockStatus() }, { id: 'gateway-4' }])).toBeUndefined();
  });
});

describe('what is wrong with the clocks', () => {
  it('is nothing when all go well, or take no part', () => {
    expect(clockFaults([...meshClocks(), { id: 'gateway-4' }])).toEqual([]);
  });

  it('is a clock that is not synchronised, is too uncertain, or disagrees', () => {
    const members = [memberStatus('gateway-3', { verdict: 'apart' })];
    const faults = clockFaults([
      { id: 'gateway-1', time: unsynchronised() },
      { id: 'gateway-2', time: clockStatus({ members, isAlarmed: true, uncertaintyMs: 81.2345 }) },
      { id: 'gateway-3', time: clockStatus() },
    ]);
    expect(faults.map(({ id, fault }) => [id, fault])).toEqual([
      ['gateway-1', 'unsynchronised'],
      ['gateway-2', 'alarmed'],
      ['gateway-3', 'apart'],
    ]);
    expect(faults[1]?.text).toBe("gateway-2's clock may be wrong by up to 81.2 ms; 50 ms are allowed");
  });
});

describe('what the time is set to', () => {
  it.each(['reference', 'wall', 1_767_225_600_000, 946_684_800_000])('may be %s', (to) => {
    expect(timeTargetSchema.parse({ to })).toEqual({ to });
  });

  it.each(['noon', '1767225600000', 1_767_225_600, -1, Number.NaN, Number.POSITIVE_INFINITY, 2.6e14, null])(
    'may not be %s',
    (to) => {
      expect(timeTargetSchema.safeParse({ to }).success).toBe(false);
    },
  );
});
