import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LatticeError } from '../../../core/errors/index.ts';
import type { TimeTarget } from '../../../core/wire/index.ts';
import { timeTarget } from '../../../gateway/cli/time.ts';
import { clockStatus, NEW_YEAR_MS } from '../../support/clocks.ts';
import { CliSite } from './site.ts';

let site: CliSite;
let master: string | undefined;
let isReferenceHeard = true;
let asked: [string, TimeTarget][];

beforeAll(async () => {
  site = await CliSite.start((name) => ({
    status: () => {
      const { master: _, ...rest } = clockStatus();
      return master === undefined ? rest : { ...rest, master };
    },
    set: async (to) => {
      if (name !== master) throw new LatticeError('TIME_NOT_MASTER', `${master} is the master.`);
      if (to === 'reference' && !isReferenceHeard) throw new LatticeError('TIME_NO_REFERENCE', 'It has none.');
      asked.push([name, to]);
      return clockStatus({ master, ms: typeof to === 'number' ? to : NEW_YEAR_MS });
    },
  }));
});
afterAll(() => site?.stop());
beforeEach(() => {
  master = 'gateway-2';
  asked = [];
});

describe('lattice time set', () => {
  it('sets the time at the master, and enters it in the ledger', async () => {
    const text = '2030-01-31T13:00:00+01:00';
    const set = await site.run('time set --yes', '--to', text);
    expect(set).toMatchObject({ code: 0, stdout: 'gateway-2 has set mesh time to 2030-01-31T12:00:00.000Z.\n' });
    const wall = await site.run('time set --yes --json', '--to', 'wall');
    expect(JSON.parse(wall.stdout)).toMatchObject({ master: 'gateway-2', ms: NEW_YEAR_MS });
    expect(asked).toEqual([
      ['gateway-2', Date.parse(text)],
      ['gateway-2', 'wall'],
    ]);
    const audit = await site.run('audit list');
    expect(audit.stdout).toMatch(/operator +time\.set +\{"to":"2030-01-31T13:00:00\+01:00"\}/);
  }, 60_000);

  it('does nothing without --yes, and ends with 4', async () => {
    const { code, stderr } = await site.run('time set', '--to', 'wall');
    expect(stderr).toMatch(/^REFUSED_FOR_SAFETY: .*backwards.*--yes/);
    expect(code).toBe(4);
    expect(asked).toEqual([]);
  }, 30_000);

  it('says what the master refuses', async () => {
    isReferenceHeard = false;
    const { code, stderr } = await site.run('time set --yes', '--to', 'reference');
    expect(stderr).toMatch(/^TIME_NO_REFERENCE: It has none\./);
    expect(code).toBe(1);
    expect((await site.run('audit list')).stdout).toMatch(/time\.set\.failed .*TIME_NO_REFERENCE/);
  }, 60_000);

  it('ends with 3 while nobody is the master', async () => {
    master = undefined;
    const { code, stderr } = await site.run('time set --yes', '--to', 'wall');
    expect(stderr).toMatch(/^COORDINATION_UNAVAILABLE: No gateway that answers is the master/);
    expect(code).toBe(3);
  }, 30_000);

  it('knows a command without a mesh: help with examples, and faults of usage', async () => {
    expect((await site.run('time set --help')).stdout).toContain('$ npx lattice time set --to reference --yes');
    const { code, stderr } = await site.run('time set --yes', '--to', 'noon');
    expect(stderr).toMatch(/^USAGE: "noon" is no time to set/);
    expect(code).toBe(2);
  }, 30_000);
});

describe('what the time is set to', () => {
  it.each<[string, TimeTarget]>([
    ['reference', 'reference'],
    ['wall', 'wall'],
    ['2030-01-31T12:00:00Z', Date.UTC(2030, 0, 31, 12)],
    ['2030-01-31T12:00:00.25-05:00', Date.UTC(2030, 0, 31, 17) + 250],
  ])('may be %s', (text, to) => expect(timeTarget(text)).toBe(to));

  it.each(['2030-01-31T12:00:00', '2030-01-31', '1999-12-31T23:59:59Z', '2030-02-30T00:00:00Z', '1767225600000', ''])(
    'may not be "%s"',
    (text) => expect(() => timeTarget(text)).toThrow(expect.objectContaining({ code: 'USAGE' })),
  );
});
