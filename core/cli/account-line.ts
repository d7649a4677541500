import type { ReadingAccount } from '../wire/index.ts';
import { count } from './output.ts';

/** Whether every reading that was sent is accounted for. */
export function isClosed(account: ReadingAccount): boolean {
  return account.missing === 0 && account.lost === 0;
}

/** The account in one line: sent = stored + buffered + …, with what is not nought. */
export function accountLine(account: ReadingAccount): string {
  const { sent, stored, buffered, dropped, rejected, missing, lost, duplicates } = account;
  const terms = [`${count(stored)} stored`, `${count(buffered)} buffered`, `${count(dropped)} dropped`];
  if (rejected > 0) terms.push(`${count(rejected)} rejected`);
  if (lost > 0) terms.push(`${count(lost)} lost`);
  if (lost > 0) terms.push(`${count(lost)} lost`);
  if (missing > 0) terms.push(`${count(missing)} missing`);
  return `${count(sent)} sent = ${terms.join(' + ')} · ${count(duplicates)} duplicates left out`;
}
