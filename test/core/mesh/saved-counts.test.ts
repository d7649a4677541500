import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_COUNTS, readCounts, saveCounts, settleCounts } from '../../../core/mesh/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-counts-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the saved numbers of brokers and gateways', () => {
  it('are read again, and a damaged file is refused', async () => {
    expect(readCounts(directory)).toBeUndefined();
    await saveCounts(directory, { brokers: 1, gateways: 5 });
    expect(readCounts(directory)).toEqual({ brokers: 1, gateways: 5 });
    writeFileSync(join(directory, 'layout.json'), '{"brokers":');
    expect(() => readCounts(directory)).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
  });

  it('stand for what is not chosen', () => {
    const saved = { brokers: 1, gateways: 5 };
    expect(settleCounts('d', undefined, { forceLayout: false })).toEqual(DEFAULT_COUNTS);
    expect(settleCounts('d', undefined, { gateways: 5, forceLayout: false })).toEqual({ brokers: 2, gateways: 5 });
    expect(settleCounts('d', saved, { forceLayout: false })).toEqual(saved);
    expect(settleCounts('d', saved, { brokers: 1, forceLayout: false })).toEqual(saved);
  });

  it.each([{ gateways: 4 }, { gateways: 6 }, { brokers: 2 }])('are not changed unasked: %o', (wanted) => {
    const saved = { brokers: 1, gateways: 5 };
    expect(() => settleCounts('/data', saved, { ...wanted, forceLayout: false })).toThrow(
      expect.objectContaining({
        code: 'REFUSED_FOR_SAFETY',
        message: expect.stringMatching(/^\/data was made with --brokers 1 --gateways 5;.*--data.*--force-layout/),
      }),
    );
    expect(settleCounts('/data', saved, { ...wanted, forceLayout: true })).toEqual({ ...saved, ...wanted });
  });
});
