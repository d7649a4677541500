import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { saveCounts } from '../../../core/mesh/index.ts';
import { lattice } from '../../support/mesh.ts';

describe('the command line', () => {
  it.each([
    [['up', '--brokers', '99'], '1 to 8'],
    [['sim', '--speed', 'fast'], '0.01 to 500'],
    [['status', '--nonsense'], '--nonsense'],
    [['pub', 'topic'], 'message'],
  ])('%s ends with 2 and says why', async (args, reason) => {
    const { code, stderr } = await lattice(...args);
    expect(stderr).toContain(reason);
    expect(code).toBe(2);
  });

  it('says of the options of sim what they count in, and what they are without', async () => {
    const { code, stdout } = await lattice('sim', '--help');
    expect(code).toBe(0);
    const options = stdout.slice(stdout.indexOf('Options:'), stdout.indexOf('Stops on'));
    const texts = options.split(/\n {2}(?=-)/).slice(1);
    expect(texts.length).toBeGreaterThan(10);
    for (const text of texts) expect(text).toMatch(/default|-h, --help|--json|--dry-run/);
  });

  it('refuses other numbers of gateways than the data folder has with 4, naming the way out', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lattice-up-'));
    await saveCounts(directory, { brokers: 2, gateways: 5 });
    const { code, stderr } = await lattice('up', '--data', directory, '--gateways', '3');
    expect(stderr).toMatch(/^REFUSED_FOR_SAFETY: .*--gateways 5.*--force-layout/);
    expect(code).toBe(4);
    rmSync(directory, { recursive: true });
  });
});
