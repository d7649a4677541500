import { EXIT } from '../../core/errors/index.ts';
import type { Consistency, KeyRange, KeyValue, Transaction, WatchEvent } from '../coordination/index.ts';
import { openSite, printJson, type SiteOptions, untilToldToEnd } from './site.ts';

interface RangeOptions extends SiteOptions {
  key: string;
  prefix: boolean;
}

export interface GetOptions extends RangeOptions {
  revision?: number | undefined;
  consistency: Consistency;
}

/** Prints the value of a key, or keys with their values. Exit code 1 when there is none. */
export async function kvGet({ revision, consistency, ...options }: GetOptions): Promise<number> {
  const { coordinator } = openSite(options);
  const answer = await coordinator.range(rangeOf(options), {
    consistency,
    ...(revision === undefined ? {} : { revision }),
  });
  const { keyValues } = answer;
  if (options.json) printJson(answer);
  else if (options.prefix) for (const { key, value } of keyValues) process.stdout.write(`${key}\t${value}\n`);
  else if (keyValues[0] !== undefined) process.stdout.write(`${keyValues[0].value}\n`);
  else process.stderr.write(`There is no key ${options.key}.\n`);
  return keyValues.length > 0 || options.prefix ? EXIT.ok : EXIT.failed;
}

export interface PutOptions extends SiteOptions {
  key: string;
  value: string;
  /** Of the key as it has to be; 0 is none. */
  ifVersion?: number | undefined;
}

/** Exit code 1 when the key has another version than the one that was named. */
export async function kvPut({ key, value, ifVersion, ...options }: PutOptions): Promise<number> {
  const { coordinator } = openSite(options);
  const transaction: Transaction = {
    compare: ifVersion === undefined ? [] : [{ key, target: 'version', op: '=', value: ifVersion }],
    success: [{ op: 'put', key, value }],
    failure: [{ op: 'get', range: { key } }],
  };
  const { succeeded, revision, results } = await coordinator.transaction(transaction);
  const [result] = results;
  const found: KeyValue | undefined = result?.op === 'get' ? result.keyValues[0] : undefined;
  if (options.json) printJson({ succeeded, revision, ...(succeeded ? {} : { version: found?.version ?? 0 }) });
  else if (succeeded) process.stdout.write(`revision ${revision}\n`);
  else process.stderr.write(`Not put: ${key} has version ${found?.version ?? 0}, not ${ifVersion}.\n`);
  return succeeded ? EXIT.ok : EXIT.failed;
}

/** Exit code 1 when there was nothing to delete. */
export async function kvDelete(options: RangeOptions): Promise<number> {
  const { revision, deleted } = await openSite(options).coordinator.delete(rangeOf(options));
  if (options.json) printJson({ revision, deleted });
  else process.stdout.write(`deleted ${deleted}, revision ${revision}\n`);
  return deleted > 0 ? EXIT.ok : EXIT.failed;
}

export interface WatchOptions extends RangeOptions {
  from?: number | undefined;
}

/** Prints changes until Ctrl-C, over changes of leader and gateway. */
export async function kvWatch({ from, ...options }: WatchOptions): Promise<number> {
  const signal = untilToldToEnd();
  const { coordinator } = openSite(options);
  const watch = coordinator.watch(rangeOf(options), { signal, ...(from === undefined ? {} : { fromRevision: from }) });
  for await (const batch of watch) {
    if (options.json) printJson(batch);
    else for (const event of batch.events) process.stdout.write(`${eventLine(batch.revision, event)}\n`);
  }
  return EXIT.ok;
}

function rangeOf({ key, prefix }: RangeOptions): KeyRange {
  return prefix ? { prefix: key } : { key };
}

function eventLine(revision: number, event: WatchEvent): string {
  if (event.type === 'delete') return `${revision}\tdelete\t${event.key}`;
  return `${revision}\tput\t${event.keyValue.key}\t${event.keyValue.value}`;
}
