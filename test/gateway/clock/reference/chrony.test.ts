import { describe, expect, it } from 'vitest';
import { askChrony, parseTracking } from '../../../../gateway/clock/reference/chrony.ts';

const SYNCHRONISED =
  'A29FC87B,162.159.200.123,4,1709727533.139866748,0.000004315,-0.000003372,0.000002759,1.274,-0.005,0.161,0.012000000,0.000290000,64.8,Normal';

function tracking(change: Record<number, string>): string {
  return SYNCHRONISED.split(',')
    .map((field, k) => change[k] ?? field)
    .join(',');
}

describe('chronyc tracking', () => {
  it('bounds the error by root dispersion, half the root delay, what is left to correct and the last offset', () => {
    const discipline = parseTracking(`${SYNCHRONISED}\n`);
    expect(discipline).toMatchObject({ source: 'chrony 162.159.200.123', stratum: 4 });
    expect(discipline).toHaveProperty('uncertaintyMs', expect.closeTo(0.29 + 6 + 0.004_315 + 0.003_372, 9));
  });

  it('takes offsets of either sign', () => {
    const discipline = parseTracking(tracking({ 4: '-0.001', 5: '0.002', 10: '0', 11: '0' }));
    expect(discipline).toHaveProperty('uncertaintyMs', expect.closeTo(3, 9));
  });

  it.each([
    ['its leap status says so', tracking({ 13: 'Not synchronised' }), /not synchronised/],
    ['it follows its own clock', tracking({ 0: '7F7F0101', 1: '' }), /local/],
    ['a field is missing', SYNCHRONISED.replace(',Normal', ''), /13 fields/],
    ['a field is empty', tracking({ 11: '' }), /no number/],
    ['a field is no number', tracking({ 10: 'nan' }), /no number/],
    ['the stratum is no number', tracking({ 2: 'x' }), /no number/],
    ['there is nothing', '', /1 fields/],
  ])('is no reference when %s', (_, csv, reason) => {
    expect(parseTracking(csv)).toHaveProperty('refused', expect.stringMatching(reason));
  });

  it('is unavailable when chronyc fails', async () => {
    const answer = await askChrony(async () => ({ failed: 'chronyc says: 506 Cannot talk to daemon' }));
    expect(answer).toEqual({ unavailable: 'chronyc says: 506 Cannot talk to daemon' });
  });
});
