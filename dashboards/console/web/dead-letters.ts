import type { Overview } from '../model/types.ts';
import { byId, el, setText } from './dom.ts';
import { count, timeOfDay } from './format.ts';

/** The newest refusals, with the reason and the start of what was refused. */
export function renderDeadLetters({ deadLetters }: Overview): void {
  const list = byId('letters');
  byId('letters-empty').hidden = deadLetters.newest.length > 0;
  const { length } = deadLetters.newest;
  const newest = length < deadLetters.total ? `, the newest ${length} here` : '';
  setText(
    byId('letters-hint'),
    deadLetters.total === 0 ? '' : `${count(deadLetters.total)} since the console started${newest}`,
  );
  // Ids count upwards and the newest comes first, so one comparison tells whether anything has changed.
  if (list.dataset['newest'] === String(deadLetters.newest[0]?.id)) return;
  list.dataset['newest'] = String(deadLetters.newest[0]?.id);
  list.replaceChildren(
    ...deadLetters.newest.map((letter) =>
      el(
        'li',
        {},
        el('time', { class: 'hint', datetime: new Date(letter.atMs).toISOString() }, timeOfDay(letter.atMs)),
        el('span', { class: 'code' }, letter.code),
        el(
          'div',
          { class: 'why' },
          el('div', {}, `${letter.device}: ${letter.reason}`),
          el('code', {}, `${letter.preview}${letter.payloadBytes > letter.preview.length ? ' …' : ''}`),
        ),
      ),
    ),
  );
}
