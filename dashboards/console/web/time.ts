import type { TimeOverview } from '../model/types.ts';
import { byId, el, setAttribute, setText } from './dom.ts';
import { count, fine, signedFine } from './format.ts';

type Clock = TimeOverview['rows'][number];

/** What stands at the head of each column, and beside each figure on a phone. */
const COLUMNS: readonly [label: string, text: (clock: Clock) => string][] = [
  ['Gateway', ({ id, isMaster }) => (isMaster ? `${id} · master` : id)],
  ['Synchronised with', ({ kind }) => KIND_WORDS[kind]],
  ['Uncertainty', ({ uncertaintyMs }) => uncertaintyText(uncertaintyMs)],
  ['Behind', ({ kind, behindMs }) => (kind === 'none' ? '–' : signedFine(behindMs))],
  ['Frequency', ({ frequencyPpm }) => `${frequencyPpm < 0 ? '−' : '+'}${Math.abs(frequencyPpm).toFixed(2)} ppm`],
  ['Round trip', roundTripText],
  ['Samples', ({ samples }) => (samples === undefined ? '–' : count(samples))],
  ['Verdict', ({ verdict }) => verdict ?? '–'],
  ['Refused', refusedText],
];

const KIND_WORDS: Record<Clock['kind'], string> = { none: 'nothing', relative: 'the gateways', absolute: 'UTC' };

export function uncertaintyText(uncertaintyMs: number | undefined): string {
  return uncertaintyMs === undefined ? 'not known' : `± ${fine(uncertaintyMs)}`;
}

/** The card about the time of the mesh; none when no gateway takes part. */
export function renderTime(time: TimeOverview | null): void {
  byId('time').hidden = time === null;
  if (time === null) return;
  setText(byId('time-hint'), hintOf(time));
  const head = byId('time-head');
  if (head.childElementCount === 0) head.append(...COLUMNS.map(([label]) => el('th', { scope: 'col' }, label)));
  const body = byId('time-rows');
  while (body.childElementCount > time.rows.length) body.lastElementChild?.remove();
  while (body.childElementCount < time.rows.length) {
    body.append(el('tr', {}, ...COLUMNS.map(([label]) => el('td', { 'data-label': label }))));
  }
  for (const [index, clock] of time.rows.entries()) {
    const row = body.children[index] as Element;
    setAttribute(row, 'data-tone', toneOf(time, clock.id));
    setAttribute(row, 'data-master', String(clock.isMaster));
    for (const [column, [, text]] of COLUMNS.entries()) setText(row.children[column] as Element, text(clock));
  }
  const faults = byId('time-faults');
  faults.hidden = time.faults.length === 0;
  setText(faults, time.faults.map(({ text }) => `${text}.`).join(' '));
}

/** How worried a person should be about the clock of a gateway. */
export function toneOf({ faults }: TimeOverview, gateway: string): 'ok' | 'warn' | 'bad' {
  const own = faults.filter(({ id }) => id === gateway);
  if (own.some(({ fault }) => fault === 'alarmed')) return 'bad';
  return own.length > 0 ? 'warn' : 'ok';
}

function hintOf({ master, reference }: TimeOverview): string {
  const who = master === null ? 'No gateway is the master' : `${master.id} is the master, round ${count(master.round)}`;
  if (reference === null) return who;
  const { kind, servers, lastSample, fault } = reference;
  const selected = servers.filter(({ status }) => status === 'selected').length;
  const parts = [
    servers.length === 0 ? kind : `${kind}, ${selected} of ${servers.length} servers followed`,
    ...(lastSample === undefined ? [] : [`± ${fine(lastSample.uncertaintyMs)}`]),
    ...(fault === undefined ? [] : [fault.detail]),
  ];
  return [who, ...parts].join(' · ');
}

function roundTripText({ roundTripMsMin, path }: Clock): string {
  return roundTripMsMin === undefined ? '–' : `${fine(roundTripMsMin)}${path === undefined ? '' : ` ${path}`}`;
}

function refusedText({ refused }: Clock): string {
  const parts = Object.entries(refused).map(([reason, times]) => `${reason} ${count(times)}`);
  return parts.length === 0 ? '0' : parts.join(', ');
}
