import type { DeviceRow, DeviceShow, MeshDelta, Overview } from '../model/types.ts';
import { renderAccount } from './account.ts';
import { renderDeadLetters } from './dead-letters.ts';
import { DetailView } from './detail.ts';
import { DevicesView } from './devices.ts';
import { byId, el, setText } from './dom.ts';
import { count } from './format.ts';
import { MapView } from './map.ts';
import { renderTime } from './time.ts';

/** As many rows as a person looks through; a search finds the rest. */
const ROWS_MAX = 200;
const SEARCH_DELAY_MS = 150;
const TICK_MS = 1_000;

const rows = new Map<string, DeviceRow>();
let order: string[] = [];
let matched = 0;
let overview: Overview | undefined;
let query = '';
let show: DeviceShow = 'all';
let stream: EventSource | undefined;
/** Server's wall clock minus ours, ms. */
let serverAheadMs = 0;

const now = (): number => Date.now() + serverAheadMs;
const devices = new DevicesView(byId('rows'));
const map = new MapView();
const detail = new DetailView({
  now,
  onClose: () => {
    location.hash = '';
  },
});

function connect(): void {
  stream?.close();
  const search = new URLSearchParams({ query, show, limit: String(ROWS_MAX) });
  if (detail.device !== undefined) search.set('device', detail.device);
  const current = new EventSource(`/api/stream?${search}`);
  stream = current;
  let isFirst = true;
  current.addEventListener('mesh', (event: MessageEvent<string>) => {
    if (current !== stream) return;
    if (isFirst) rows.clear();
    isFirst = false;
    take(JSON.parse(event.data) as MeshDelta);
  });
  // A stream that breaks starts again by itself, and then with everything.
  current.addEventListener('error', () => {
    isFirst = true;
    if (current === stream) void lost(current);
  });
}

async function lost(current: EventSource): Promise<void> {
  showState('wait', ['Connection to the console lost, trying again']);
  if (current.readyState !== EventSource.CLOSED) return;
  // The browser gives up when the answer is no stream: either the session has ended, or the server is in trouble.
  const response = await fetch('/api/devices?limit=1').catch(() => undefined);
  if (response?.status === 401) location.assign('/login');
  else setTimeout(() => current === stream && connect(), 2_000);
}

function take(delta: MeshDelta): void {
  serverAheadMs = delta.atMs - Date.now();
  for (const row of delta.rows ?? []) {
    rows.set(row.id, row);
    devices.update(row);
    detail.update(row);
  }
  if (delta.matched !== undefined) matched = delta.matched;
  if (delta.order !== undefined) {
    order = delta.order;
    devices.order(order, (id) => rows.get(id));
  }
  if (delta.overview !== undefined) {
    overview = delta.overview;
    renderOverview(overview);
  }
  renderCounts();
  devices.tick(now());
}

function renderOverview(current: Overview): void {
  document.title = `${current.site} · Lattice`;
  setText(byId('site'), current.site);
  showState(current.tone, current.words);
  renderAccount(byId('account'), current);
  map.render(current);
  renderTime(current.time);
  renderDeadLetters(current);
  const { total, online, silent, offline } = current.devices;
  const counts: Record<DeviceShow, number> = { all: total, online, silent, offline };
  for (const button of byId('filters').querySelectorAll<HTMLButtonElement>('button')) {
    const which = button.dataset['show'] as DeviceShow;
    setText(button.querySelector('b') as Element, count(counts[which]));
    // A filter that finds nothing is only noise, unless it is the one that is on.
    button.hidden = counts[which] === 0 && which !== 'all' && which !== show;
  }
}

function showState(tone: Overview['tone'] | 'wait', words: readonly string[]): void {
  byId('state').dataset['tone'] = tone;
  byId('state').title = words.join('\n');
  const [first = '', second, ...rest] = words;
  const more = rest.length > 0 ? ` and ${rest.length} more` : '';
  setText(byId('state-words'), second === undefined ? first : `${first}; ${second}${more}`);
}

function renderCounts(): void {
  const hiddenRows = matched - order.length;
  byId('more').hidden = hiddenRows <= 0;
  if (hiddenRows > 0) setText(byId('more'), `${count(hiddenRows)} more devices. Search to narrow the list.`);
  const empty = byId('devices-empty');
  empty.hidden = matched > 0;
  byId('rows').parentElement?.toggleAttribute('hidden', matched === 0);
  if (matched > 0 || overview === undefined) return;
  const key = overview.devices.total === 0 ? 'none' : `${show} ${query}`;
  if (empty.dataset['key'] === key) return;
  empty.dataset['key'] = key;
  empty.replaceChildren(
    ...(overview.devices.total === 0
      ? noDevices(overview)
      : [el('p', {}, 'No device matches. Clear the search or choose All.')]),
  );
}

function noDevices({ site, brokers }: Overview): Node[] {
  const [host = 'localhost', port = '1883'] = (brokers[0]?.address ?? '').split(':');
  return [
    el(
      'p',
      {},
      'No device has been heard yet. Start some with the simulator, or publish a reading with any MQTT client:',
    ),
    el(
      'pre',
      {},
      `mosquitto_pub -h ${host} -p ${port} -u USER -P PASSWORD -q 1 \\\n  -t mesh/v1/${site}/my-device/state -m '{"temperature":21.5}'`,
    ),
  ];
}

function followHash(): void {
  const device = /^#\/device\/(.+)$/.exec(location.hash)?.[1];
  const id = device === undefined ? undefined : decodeURIComponent(device);
  if (id === detail.device) return;
  if (id === undefined) {
    detail.close();
  } else {
    detail.open(id);
    const row = rows.get(id);
    if (row !== undefined) detail.update(row);
  }
  connect();
}

let searchTimer: ReturnType<typeof setTimeout> | undefined;
byId<HTMLInputElement>('search').addEventListener('input', (event) => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(() => {
    query = (event.target as HTMLInputElement).value;
    connect();
  }, SEARCH_DELAY_MS);
});
byId('filters').addEventListener('click', (event) => {
  const button = (event.target as Element).closest<HTMLButtonElement>('button[data-show]');
  if (button === null) return;
  show = button.dataset['show'] as DeviceShow;
  for (const other of byId('filters').children) other.setAttribute('aria-pressed', String(other === button));
  connect();
});
addEventListener('hashchange', followHash);
setInterval(() => {
  devices.tick(now());
  detail.tick();
}, TICK_MS);

followHash();
if (stream === undefined) connect();
