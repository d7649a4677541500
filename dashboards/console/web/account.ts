import type { Overview } from '../model/types.ts';
import { el, svg } from './dom.ts';
import { count } from './format.ts';

const TICK = 'M5 10.5l3.4 3.4L15.5 6.8';
const CROSS = 'M6 6l8 8M14 6l-8 8';
const DOTS = 'M5 10h.01M10 10h.01M15 10h.01';

/** The one line that says whether every reading is where it should be. */
export function renderAccount(section: HTMLElement, { account, gateways }: Overview): void {
  section.hidden = gateways.length === 0;
  const terms: (Node | string)[] = [
    term(account.sent, 'sent'),
    op('='),
    term(account.stored, 'stored'),
    op('+'),
    term(account.buffered, 'buffered'),
    op('+'),
    term(account.dropped, 'dropped'),
  ];
  if (account.lost > 0) terms.push(op('+'), term(account.lost, 'lost', 'wrong'));
  if (account.rejected > 0) terms.push(op('+'), term(account.rejected, 'rejected', 'wrong'));
  if (account.missing > 0) terms.push(op('+'), term(account.missing, 'missing', account.overdue > 0 ? 'wrong' : ''));
  const { tone, words, icon } = verdict(account);
  const extras = [
    account.duplicates > 0 ? `${count(account.duplicates)} duplicates removed` : '',
    account.refused > 0 ? `${count(account.refused)} refused as no readings` : '',
  ].filter((text) => text !== '');
  section.replaceChildren(
    el('p', { class: 'sum' }, ...terms),
    el(
      'p',
      { class: 'verdict', 'data-tone': tone },
      svg(
        'svg',
        { viewBox: '0 0 20 20', 'aria-hidden': 'true' },
        svg('circle', { cx: 10, cy: 10, r: 9, fill: 'currentColor', opacity: 0.16 }),
        svg('path', { d: icon, fill: 'none', stroke: 'currentColor', 'stroke-width': 2, 'stroke-linecap': 'round' }),
      ),
      words,
    ),
    el('p', { class: 'hint' }, extras.join(' · ')),
  );
}

function verdict(account: Overview['account']): { tone: string; words: string; icon: string } {
  if (account.unknown.length > 0) {
    return { tone: 'warn', words: `Not complete: ${account.unknown.join(', ')} not heard yet`, icon: DOTS };
  }
  if (account.overdue > 0) return { tone: 'bad', words: 'Some readings have not arrived', icon: CROSS };
  if (account.silent.length > 0) {
    return { tone: 'warn', words: `As last told by ${account.silent.join(', ')}`, icon: DOTS };
  }
  if (!account.closed)
    return { tone: 'warn', words: account.missing > 0 ? 'Some readings are on their way' : 'Settling', icon: DOTS };
  return { tone: 'ok', words: 'Every reading is accounted for', icon: TICK };
}

function term(value: number, label: string, className = ''): HTMLElement {
  return el('span', { class: className }, el('b', {}, count(value)), ` ${label}`);
}

function op(sign: string): HTMLElement {
  return el('span', { class: 'op' }, sign);
}
