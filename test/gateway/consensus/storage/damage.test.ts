import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import { seededRandom } from '../../../../core/random/index.ts';
import { decodeRecord, encodeRecord } from '../../../../gateway/consensus/storage/index.ts';
import { PowerCutFs } from '../../../support/power-cut-fs.ts';
import { entry, hardState, number } from '../codec/arbitraries.ts';
import { type Confirmed, lostOf, openOn, ScriptedMember } from './script.ts';

const KNOWN_CODES = ['RAFT_STORAGE_DAMAGED', 'DISK_FAILED'];

/*
 * What a member with one disk cannot know: whether the end of its log was torn by a crash before it was confirmed, or damaged
 * afterwards. So damage in the last records may cost those of them that were not known to be agreed on, and a damaged name of
 * the last boot or of the last end takes away what told of it. Damage before that is always found.
 */
describe('a disk that was damaged', () => {
  let disk: PowerCutFs;
  let confirmed: Confirmed;
  let paths: string[];

  beforeAll(async () => {
    disk = new PowerCutFs();
    const storage = await openOn(disk);
    const member = new ScriptedMember(storage, seededRandom('damage'));
    await member.begin();
    for (let round = 0; round < 14; round++) await member.round();
    confirmed = member.confirmed;
    await storage.close();
    paths = disk.pathsLike(/./);
  });

  async function outcome(damage: (disk: PowerCutFs) => void): Promise<{ code: string } | { lost: string[] }> {
    const copy = disk.clone();
    damage(copy);
    try {
      const { recovered } = await openOn(copy);
      return { lost: lostOf(confirmed, recovered) };
    } catch (error) {
      return { code: codeOf(error) };
    }
  }

  test('is there to be damaged: a snapshot, a log, and the mark of its end', () => {
    expect(paths.map((path) => path.split('/').at(-1))).toEqual(
      expect.arrayContaining(['snapshot', 'end-mark', expect.stringMatching(/\.log$/)]),
    );
    expect(confirmed.terms.size).toBeGreaterThan(0);
  });

  test('by one bit anywhere is as it was, or refuses', async () => {
    for (const path of paths) {
      for (let bit = 0; bit < disk.contentOf(path).length * 8; bit += 3) {
        const found = await outcome((copy) => copy.flipBit(path, bit));
        if ('code' in found) expect(KNOWN_CODES, `bit ${bit} of ${path}`).toContain(found.code);
        else expect(found.lost, `bit ${bit} of ${path}`).toEqual([]);
      }
    }
  });

  test('by being cut short anywhere is as it was, or refuses', async () => {
    for (const path of paths) {
      const content = disk.contentOf(path);
      for (let bytes = 0; bytes < content.length; bytes++) {
        const found = await outcome((copy) => copy.setContent(path, content.subarray(0, bytes)));
        if ('code' in found) expect(KNOWN_CODES, `${path} cut to ${bytes}`).toContain(found.code);
        else expect(found.lost, `${path} cut to ${bytes}`).toEqual([]);
      }
    }
  });

  test('by the loss of any one file is as it was, or refuses', async () => {
    for (const path of paths) {
      const found = await outcome((copy) => copy.remove(path));
      if ('code' in found) expect(KNOWN_CODES, path).toContain(found.code);
      else expect(found.lost, path).toEqual([]);
    }
  });

  test('so that the log is gone and the snapshot is there, refuses: the votes are gone', async () => {
    const found = await outcome((copy) => {
      for (const path of paths) if (path.includes('/log/')) copy.remove(path);
    });
    expect(found).toEqual({ code: 'RAFT_STORAGE_DAMAGED' });
  });

  test('after a crash loses of its end no more than what was not known to be agreed on', async () => {
    for (const path of paths.filter((each) => each.endsWith('.log'))) {
      const content = disk.contentOf(path);
      for (let bytes = 0; bytes < content.length; bytes++) {
        const copy = disk.clone();
        copy.boot += 1;
        copy.remove('/raft/log/end-mark');
        copy.setContent(path, content.subarray(0, bytes));
        const opened = await openOn(copy).catch(codeOf);
        if (typeof opened === 'string') {
          expect(KNOWN_CODES).toContain(opened);
          continue;
        }
        const { hardState: found, entries, snapshot } = opened.recovered;
        const last = entries.at(-1)?.index ?? snapshot?.metadata.index ?? 0;
        expect(last, `cut to ${bytes}`).toBeGreaterThanOrEqual(found.commit);
      }
    }
  });
});

describe('a record', () => {
  const record = fc.record({
    hardState,
    resetTo: fc.option(number, { nil: undefined }),
    entries: fc.array(entry, { maxLength: 5 }),
  });

  test('comes back as it was written', () => {
    fc.assert(
      fc.property(record, (written) => {
        expect(decodeRecord(encodeRecord(written))).toEqual(written);
      }),
    );
  });

  test('that is cut, longer or altered is another record or RAFT_STORAGE_DAMAGED, and nothing else', () => {
    const at = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(record, at, fc.constantFrom('cut', 'flip', 'extend'), (written, where, how) => {
        const bytes = encodeRecord(written);
        const offset = Math.floor(where * bytes.length);
        let altered: Uint8Array = Buffer.from(bytes);
        if (how === 'cut') altered = bytes.subarray(0, offset);
        if (how === 'extend') altered = Buffer.concat([bytes, Buffer.from([0])]);
        if (how === 'flip') altered[offset]! ^= 0x5a;
        const result = outcomeOf(altered);
        if (how === 'flip') expect(['read', 'RAFT_STORAGE_DAMAGED']).toContain(result);
        else expect(result).toBe('RAFT_STORAGE_DAMAGED');
      }),
    );
  });

  test('of any bytes at all is a record or RAFT_STORAGE_DAMAGED', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(['read', 'RAFT_STORAGE_DAMAGED']).toContain(outcomeOf(Uint8Array.of(1, ...bytes)));
      }),
    );
  });
});

function outcomeOf(bytes: Uint8Array): string {
  try {
    decodeRecord(bytes);
    return 'read';
  } catch (error) {
    return codeOf(error);
  }
}
