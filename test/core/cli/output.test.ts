import { describe, expect, it } from 'vitest';
import { accountLine, isClosed } from '../../../core/cli/account-line.ts';
import { count, table } from '../../../core/cli/output.ts';
import { ERROR_CODES, type ErrorCode, exitCodeOf, LatticeError } from '../../../core/errors/index.ts';
import { accountSchema, type ReadingAccount, sumAccounts } from '../../../core/wire/index.ts';

function account(fields: Partial<ReadingAccount>): ReadingAccount {
  return { ...sumAccounts([]), ...fields };
}

describe('the account of readings', () => {
  it('is summed over gateways, term by term', () => {
    const keys = Object.keys(accountSchema.shape);
    const first = Object.fromEntries(keys.map((key, index) => [key, index + 1])) as ReadingAccount;
    const second = Object.fromEntries(keys.map((key) => [key, 100])) as ReadingAccount;
    expect(sumAccounts([first, second])).toEqual(Object.fromEntries(keys.map((key, index) => [key, index + 101])));
    expect(Object.values(sumAccounts([]))).toEqual(keys.map(() => 0));
  });

  it('is one line, with what is not nought', () => {
    expect(accountLine(account({ sent: 1_234, stored: 1_200, buffered: 34 }))).toBe(
      '1 234 sent = 1 200 stored + 34 buffered + 0 dropped · 0 duplicates left out',
    );
    const open = account({ sent: 10, stored: 1, dropped: 2, rejected: 3, missing: 4, duplicates: 5 });
    expect(accountLine(open)).toBe(
      '10 sent = 1 stored + 0 buffered + 2 dropped + 3 rejected + 4 missing · 5 duplicates left out',
    );
  });

  it('is closed when nothing is missing', () => {
    expect(isClosed(account({ sent: 3, stored: 3 }))).toBe(true);
    expect(isClosed(account({ sent: 3, stored: 2, missing: 1 }))).toBe(false);
  });
});

describe('tables and numbers', () => {
  it('are aligned, without spaces at the end', () => {
    const rows = [
      ['broker-1', 'up'],
      ['b', ''],
    ];
    expect(table(['NAME', 'STATE'], rows)).toBe('NAME      STATE\nbroker-1  up\nb');
  });

  it('are grouped by three', () => {
    expect([0, 999, 1_000, 1_234_567.4].map(count)).toEqual(['0', '999', '1 000', '1 234 567']);
  });
});

describe('exitCodeOf', () => {
  it.each([
    ['USAGE', 2],
    ['CONFIG_INVALID', 2],
    ['CONFIG_UNREADABLE', 2],
    ['SCENARIO_INVALID', 2],
    ['UNREACHABLE', 3],
    ['STORE_UNREACHABLE', 3],
    ['REFUSED_FOR_SAFETY', 4],
    ['DATA_LOCKED', 4],
  ] as const)('of %s is %i', (code, exitCode) => {
    expect(exitCodeOf(new LatticeError(code, 'x'))).toBe(exitCode);
  });

  it('is 1 for every other error', () => {
    const named: string[] = ['USAGE', 'CONFIG_INVALID', 'CONFIG_UNREADABLE', 'SCENARIO_INVALID'];
    expect(exitCodeOf(new LatticeError('COORDINATION_UNAVAILABLE', 'x'))).toBe(3);
    expect(exitCodeOf(new LatticeError('LOCK_LOST', 'x'))).toBe(5);
    named.push(
      'COORDINATION_UNAVAILABLE',
      'LOCK_LOST',
      'UNREACHABLE',
      'STORE_UNREACHABLE',
      'REFUSED_FOR_SAFETY',
      'DATA_LOCKED',
    );
    for (const code of (Object.keys(ERROR_CODES) as ErrorCode[]).filter((it) => !named.includes(it))) {
      expect(exitCodeOf(new LatticeError(code, 'x'))).toBe(1);
    }
    expect(exitCodeOf(new Error('x'))).toBe(1);
  });
});
