import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkHistory, explainHistory, kvModel, registerModel } from './index.ts';
import { kvHistory, registerHistory } from './recorded.ts';

/** Recorded from real stores by others; kept beside the project, not in it. */
const FOLDER = new URL('../../../../shared/conformance/linearizability/', import.meta.url);
const isThere = existsSync(FOLDER);
if (!isThere) console.warn(`SKIPPED: 75 recorded histories, since there is no ${FOLDER.pathname}`);

const read = (path: string): string => readFileSync(new URL(path, FOLDER), 'utf8');

describe.skipIf(!isThere)('the verdicts of recorded histories', () => {
  it('of one register of etcd: 69 of 69', () => {
    const verdicts = read('etcd-register/verdicts.tsv').trimEnd().split('\n');
    const wrong = verdicts
      .map((line) => line.split('\t') as [string, string])
      .filter(
        ([file, verdict]) => checkHistory(registerModel, registerHistory(read(`etcd-register/${file}`))) !== verdict,
      );
    expect(verdicts).toHaveLength(69);
    expect(wrong).toEqual([]);
  });

  it('of keys that are appended to: 6 of 6', () => {
    const files = readdirSync(new URL('kv/', FOLDER));
    const wrong = files.filter((file) => {
      const expected = file.endsWith('-ok.txt') ? 'linearizable' : 'not-linearizable';
      return checkHistory(kvModel, kvHistory(read(`kv/${file}`))) !== expected;
    });
    expect(files).toHaveLength(6);
    expect(wrong).toEqual([]);
  });

  it('and what is wrong is shown', () => {
    const text = explainHistory(registerModel, registerHistory(read('etcd-register/etcd_000.log')));
    expect(text).toMatch(/^not-linearizable, \d+ operations/);
    expect(text).toContain('does not fit');
  });
});
