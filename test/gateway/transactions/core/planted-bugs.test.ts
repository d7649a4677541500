import { describe, expect, it } from 'vitest';
import type { Operation, TransactionResult } from '../../../../gateway/coordination/types.ts';
import { type Ask, doneKey, lockKey, registerSchema } from '../../../../gateway/transactions/core/index.ts';
import { type PlantedBug, runWorld } from './world.ts';

const SEEDS_MAX = 2_000;

interface Planted {
  name: string;
  decision: 'two-phase' | 'paxos';
  bug: PlantedBug;
}

const PLANTED: Planted[] = [
  {
    name: 'a site votes yes and logs no prepare',
    decision: 'two-phase',
    bug: { swallow: (ask) => ask.purpose === 'prepare' && ask.site === 'b' },
  },
  {
    name: 'the sites commit before the decision is recorded',
    decision: 'two-phase',
    bug: { swallow: (ask, by) => ask.purpose === 'decide' && by === 'coordinator' },
  },
  {
    name: 'recovery aborts on its time-out alone, without the create-if-absent',
    decision: 'two-phase',
    bug: { swallow: (ask, by) => ask.purpose === 'decide' && by === 'recovery' },
  },
  {
    name: 'the decision is written over the one that is there',
    decision: 'two-phase',
    bug: { ask: (ask) => (ask.purpose === 'decide' ? withCompare(ask, () => false) : ask) },
  },
  {
    name: 'prepare does not look at the locks of others',
    decision: 'two-phase',
    bug: { ask: (ask) => (ask.purpose === 'prepare' ? withCompare(ask, (key) => !key.startsWith(lockKey(''))) : ask) },
  },
  {
    name: 'prepare does not look whether the transaction has ended here',
    decision: 'two-phase',
    bug: { ask: (ask) => (ask.purpose === 'prepare' ? withCompare(ask, (key) => !key.startsWith(doneKey(''))) : ask) },
  },
  {
    name: 'a commit is carried out again where nothing is prepared any more',
    decision: 'two-phase',
    bug: { ask: (ask) => (ask.purpose === 'settle' ? withCompare(ask, () => false) : ask) },
  },
  {
    name: 'the locks are not given back',
    decision: 'two-phase',
    bug: { ask: (ask) => (ask.purpose === 'settle' ? withSuccess(ask, (one) => !isUnlock(one)) : ask) },
  },
  {
    name: 'an acceptor of Paxos forgets its promise',
    decision: 'paxos',
    bug: { swallow: (ask) => ask.purpose === 'promise' },
  },
  {
    name: 'phase 2 does not adopt the highest accepted value',
    decision: 'paxos',
    bug: {
      ask: (ask) => (ask.purpose === 'promise' ? withPuts(ask, forgetAccepted) : ask),
      reply: (ask, result) => (ask.purpose === 'promise' ? withFound(result, forgetAccepted) : result),
    },
  },
  {
    name: 'one acceptor is taken for a majority',
    decision: 'paxos',
    bug: { swallow: (ask) => ask.purpose === 'accept' && ask.site !== 'a' },
  },
];

describe('a planted bug is noticed', () => {
  it.each(PLANTED)('$name', ({ decision, bug }) => {
    let seed = 0;
    while (seed < SEEDS_MAX && runWorld({ seed, decision, faults: true, bug }).faults.length === 0) seed++;
    expect(seed, 'seeds without a complaint').toBeLessThan(SEEDS_MAX);
  });
});

function withCompare(ask: Ask, keep: (key: string) => boolean): Ask {
  const compare = ask.transaction.compare.filter(({ key }) => keep(key));
  return { ...ask, transaction: { ...ask.transaction, compare } };
}

function withSuccess(ask: Ask, keep: (operation: Operation) => boolean): Ask {
  return { ...ask, transaction: { ...ask.transaction, success: ask.transaction.success.filter(keep) } };
}

function isUnlock(operation: Operation): boolean {
  return operation.op === 'delete' && 'key' in operation.range && operation.range.key.startsWith(lockKey(''));
}

function withPuts(ask: Ask, change: (value: string) => string): Ask {
  const success = ask.transaction.success.map((one) => (one.op === 'put' ? { ...one, value: change(one.value) } : one));
  return { ...ask, transaction: { ...ask.transaction, success } };
}

function withFound(result: TransactionResult, change: (value: string) => string): TransactionResult {
  const results = result.results.map((one) =>
    one.op === 'get'
      ? { ...one, keyValues: one.keyValues.map((found) => ({ ...found, value: change(found.value) })) }
      : one,
  );
  return { ...result, results };
}

function forgetAccepted(value: string): string {
  const { accepted: _, ...rest } = registerSchema.parse(JSON.parse(value));
  return JSON.stringify(rest);
}
