import type { BrokerRow, GatewayRow, LinkRow, Overview, PartState } from '../model/types.ts';
import { renderAgreement } from './agreement.ts';
import { byId, setAttribute, setText, svg } from './dom.ts';
import { bytes, count, duration, rate } from './format.ts';
import { type Box, curve, entryOf, exitOf, layoutMap, linkPath, type MapLayout } from './map-layout.ts';
import { toneOf, uncertaintyText } from './time.ts';

/** What a node says: in full, and on a narrow card. */
interface NodeText {
  name: string;
  state: PartState;
  /** Stands in the corner of a card that has room for it; the state, if it is not up, when left out. */
  tag?: string;
  /** The tag on a narrow card. */
  narrowTag?: string;
  lines: [string, string];
  narrowLines: [string, string];
  /** Below them, where the card has room. */
  clock?: ClockText;
}

/** How the clock of a gateway goes. */
interface ClockText {
  tone: 'ok' | 'warn' | 'bad';
  isMaster: boolean;
  line: string;
  narrowLine: string;
}

/** Cards narrower than this get the short words. */
const NARROW_WIDTH = 190;
const TEXT_PX_PER_CHAR = 6.1;
/** Of the smaller letters in which a narrow card says how its clock goes. */
const SMALL_TEXT_PX_PER_CHAR = 5.6;
const PADDING_PX = 14;

interface Link {
  a: string;
  b: string;
  state: PartState;
  label: string;
  /** Empty when nothing waits. */
  waiting: string;
  /** What of it has room on a phone. */
  narrowLabel: string;
  narrowWaiting: string;
  /** For a pointer that rests on it. */
  title: string;
}

/** The picture of the mesh: devices, brokers with their links, gateways, store. Rebuilt only when its shape changes. */
export class MapView {
  readonly #box = byId('map');
  #shape = '';
  #update: (overview: Overview) => void = () => {};
  #last: Overview | undefined;

  constructor() {
    new ResizeObserver(() => {
      if (this.#last !== undefined) this.render(this.#last);
    }).observe(this.#box);
  }

  render(overview: Overview): void {
    this.#last = overview;
    const style = getComputedStyle(this.#box);
    const width = Math.floor(
      this.#box.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight),
    );
    if (width <= 0) return;
    const links = linksOf(overview.brokers);
    const shape = JSON.stringify([
      width,
      overview.brokers.map(({ id }) => id),
      overview.gateways.map(({ id }) => id),
      overview.time !== null,
      links.map(({ a, b }) => [a, b]),
    ]);
    if (shape !== this.#shape) {
      this.#shape = shape;
      const layout = layoutMap(width, overview.brokers.length, overview.gateways.length, overview.time !== null);
      const { root, update } = draw(layout, overview, links);
      this.#update = update;
      this.#box.replaceChildren(root);
    }
    this.#update(overview);
    setText(byId('map-hint'), hintOf(overview));
    renderAgreement(overview.gateways);
  }
}

function draw(
  layout: MapLayout,
  overview: Overview,
  links: Link[],
): { root: SVGSVGElement; update(now: Overview): void } {
  const updates: ((now: Overview) => void)[] = [];
  const edges = svg('g', { 'aria-hidden': 'true' });
  const nodes = svg('g');
  const { isWide } = layout;
  const addNode = (box: Box, textOf: (now: Overview) => NodeText): void => {
    const node = nodeElement(box);
    nodes.append(node.root);
    updates.push((now) => node.update(textOf(now)));
  };
  const addEdge = (path: string, stateOf: (now: Overview) => PartState): void => {
    const line = svg('path', { class: 'edge', d: path });
    const pulse = svg('path', { class: 'pulse', d: path });
    edges.append(line, pulse);
    updates.push((now) => {
      const state = stateOf(now);
      setAttribute(line, 'data-state', state);
      setAttribute(pulse, 'data-state', now.readingsPerS > 0 ? state : 'down');
    });
  };

  for (const [index] of links.entries()) {
    const link = links[index] as Link;
    const a = layout.brokers[overview.brokers.findIndex(({ id }) => id === link.a)] as Box;
    const b = layout.brokers[overview.brokers.findIndex(({ id }) => id === link.b)] as Box;
    const { path, label } = linkPath(a, b, isWide);
    const line = svg('path', { class: 'edge link', d: path });
    const text = svg('text', { class: 'edge-label', x: label.x, y: label.y, 'text-anchor': label.anchor });
    const title = svg('title');
    const second = svg('text', {
      class: 'edge-label',
      x: label.x,
      y: label.y + label.lineHeight,
      'text-anchor': label.anchor,
    });
    edges.append(svg('g', {}, title, line, text, second));
    updates.push((now) => {
      const current = linksOf(now.brokers)[index] ?? link;
      setAttribute(line, 'data-state', current.state);
      setAttribute(text, 'data-state', current.state);
      setText(text, isWide ? current.label : current.narrowLabel);
      setText(second, isWide ? current.waiting : current.narrowWaiting);
      setText(title, current.title);
    });
  }
  for (const [index, box] of layout.brokers.entries()) {
    const stateOf = (now: Overview): PartState => now.brokers[index]?.state ?? 'unknown';
    addEdge(curve(exitOf(layout.devices, isWide), entryOf(box, isWide), isWide), stateOf);
    if (layout.gateways.length > 0) addEdge(curve(exitOf(box, isWide), layout.hub, isWide), stateOf);
    addNode(box, (now) => brokerText(now.brokers[index] as BrokerRow));
  }
  for (const [index, box] of layout.gateways.entries()) {
    const row = (now: Overview): GatewayRow => now.gateways[index] as GatewayRow;
    addEdge(curve(layout.hub, entryOf(box, isWide), isWide), (now) => gatewayEdge(row(now), 'brokerUp'));
    addEdge(curve(exitOf(box, isWide), entryOf(layout.store, isWide), isWide), (now) =>
      now.store.state === 'down' ? 'down' : gatewayEdge(row(now), 'storeUp'),
    );
    addNode(box, (now) => {
      const clock = clockText(row(now), now);
      return { ...gatewayText(row(now)), ...(clock && { clock }) };
    });
  }
  if (layout.gateways.length > 0)
    edges.append(svg('circle', { class: 'hub', cx: layout.hub.x, cy: layout.hub.y, r: 5 }));
  addNode(layout.devices, devicesText);
  addNode(layout.store, storeText);

  const root = svg(
    'svg',
    {
      viewBox: `0 0 ${layout.width} ${layout.height}`,
      height: layout.height,
      role: 'group',
      'aria-label': 'Map of the mesh',
    },
    edges,
    nodes,
  );
  return {
    root,
    update(now) {
      for (const update of updates) update(now);
    },
  };
}

function nodeElement(box: Box): { root: SVGGElement; update(text: NodeText): void } {
  const { x, y, width, height } = box;
  const isNarrow = width < NARROW_WIDTH;
  const left = x + PADDING_PX;
  const name = svg('text', { class: 'name', x: left, y: y + 24 });
  const tag = svg('text', { class: 'tag', x: x + width - 11, y: y + 23 });
  const lines = [svg('text', { x: left, y: y + 43 }), svg('text', { x: left, y: y + 59 })];
  const clock = svg('text', { class: isNarrow ? 'clock small' : 'clock', x: left, y: y + 75 });
  const root = svg(
    'g',
    { class: 'node', role: 'img' },
    svg('rect', { x: x + 0.5, y: y + 0.5, width: width - 1, height: height - 1, rx: 10 }),
    svg('rect', { class: 'bar', x: x + 0.5, y: y + 12, width: 4, height: height - 24, rx: 2 }),
    name,
    tag,
    ...lines,
    clock,
  );
  return {
    root,
    update(text) {
      setAttribute(root, 'data-state', text.state);
      const stateText = text.tag === undefined ? text.state : `${text.state}, ${text.tag}`;
      const allLines = text.clock === undefined ? text.lines : [...text.lines, text.clock.line];
      setAttribute(root, 'aria-label', `${text.name}, ${stateText}: ${allLines.join(', ')}`);
      setAttribute(root, 'data-tag', text.tag ?? '');
      const stateTag = text.state === 'up' ? '' : text.state === 'down' ? 'down' : isNarrow ? '…' : 'not heard yet';
      const tagText = (isNarrow ? text.narrowTag : text.tag) ?? stateTag;
      setText(tag, tagText);
      const room = Math.floor((width - 2 * PADDING_PX) / TEXT_PX_PER_CHAR);
      setText(name, cut(text.name, Math.max(4, Math.floor(room * 0.85) - tagText.length)));
      const chosen = isNarrow ? text.narrowLines : text.lines;
      for (const [index, line] of lines.entries()) setText(line, cut(chosen[index] ?? '', room));
      setAttribute(clock, 'data-tone', text.clock?.tone ?? 'ok');
      setAttribute(clock, 'data-master', String(text.clock?.isMaster ?? false));
      const clockLine = (isNarrow ? text.clock?.narrowLine : text.clock?.line) ?? '';
      const clockPx = isNarrow ? SMALL_TEXT_PX_PER_CHAR : TEXT_PX_PER_CHAR;
      setText(clock, cut(clockLine, Math.floor((width - 2 * PADDING_PX) / clockPx)));
    },
  };
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(1, length - 1))}…`;
}

function devicesText({ devices, readingsPerS }: Overview): NodeText {
  const first = `${count(devices.online)} of ${count(devices.total)} online`;
  const second = `${rate(readingsPerS)} readings/s`;
  return {
    name: 'Devices',
    state: devices.total === 0 ? 'unknown' : 'up',
    lines: [first, second],
    narrowLines: [first, second],
  };
}

function brokerText({ id, state, address, health }: BrokerRow): NodeText {
  if (state !== 'up' || health === null) {
    const what = state === 'down' ? 'does not answer' : 'no figures yet';
    return { name: id, state, lines: [what, address], narrowLines: [what, address] };
  }
  return {
    name: id,
    state,
    ...(health.isDraining && { tag: 'draining' }),
    lines: [
      `${rate(health.publishedPerS)} msg/s · ${count(health.connections)} clients`,
      `queued ${count(health.queued)} · commit p99 ${duration(health.commitP99Ms)}`,
    ],
    narrowLines: [
      `${rate(health.publishedPerS)} msg/s`,
      health.isDraining ? `draining: ${count(health.connections)}` : `${count(health.connections)} clients`,
    ],
  };
}

function gatewayText({ id, state, address, status }: GatewayRow): NodeText {
  if (state !== 'up' || status === null) {
    const what = state === 'down' ? 'does not answer' : 'no figures yet';
    return { name: id, state, lines: [what, address], narrowLines: [what, address] };
  }
  const waiting =
    status.bufferReadings === 0
      ? 'buffer empty'
      : `${count(status.bufferReadings)} waiting, ${bytes(status.bufferBytes)}`;
  return {
    name: id,
    state,
    ...(status.agreement?.role === 'leader' && { tag: 'leader', narrowTag: '★' }),
    lines: [
      `${rate(status.storedPerS)} stored/s · ${status.shards} shards`,
      status.brokerUp ? `${waiting} · p99 ${duration(status.latencyP99Ms)}` : 'no broker',
    ],
    narrowLines: [
      `${rate(status.storedPerS)} /s`,
      status.brokerUp ? `${count(status.bufferReadings)} waiting` : 'no broker',
    ],
  };
}

const KIND_SHORT = { relative: 'rel', absolute: 'abs' } as const;

/** Undefined while the gateway does not answer, and when it takes no part in the time of the mesh. */
function clockText({ id }: GatewayRow, { time }: Overview): ClockText | undefined {
  const clock = time?.rows.find((row) => row.id === id);
  if (time === null || clock === undefined) return undefined;
  const { kind, isMaster, isAlarmed, uncertaintyMs } = clock;
  const tone = toneOf(time, id);
  if (kind === 'none') return { tone, isMaster, line: 'clock not synchronised', narrowLine: 'no time yet' };
  const uncertainty = uncertaintyText(uncertaintyMs);
  const role = isMaster ? 'time master' : 'time';
  const alarm = isMaster ? 'ALARM, time master' : 'ALARM';
  return {
    tone,
    isMaster,
    line: `${isAlarmed ? alarm : role} · ${kind} ${uncertainty}`,
    narrowLine: `${isAlarmed ? '! ' : isMaster ? '◆ ' : ''}${KIND_SHORT[kind]} ${uncertainty.replace('± ', '±')}`,
  };
}

function storeText({ store }: Overview): NodeText {
  const answer =
    store.state === 'down'
      ? 'does not answer'
      : store.roundTripMs === null
        ? 'no figures yet'
        : `answers in ${duration(store.roundTripMs)}`;
  return { name: 'Store', state: store.state, lines: [answer, store.address], narrowLines: [answer, store.address] };
}

function gatewayEdge({ state, status }: GatewayRow, what: 'brokerUp' | 'storeUp'): PartState {
  if (state !== 'up' || status === null) return state;
  return status[what] ? 'up' : 'down';
}

/** Each pair of brokers once: up when either of the two knows it to be, with what waits at both ends. */
function linksOf(brokers: readonly BrokerRow[]): Link[] {
  const stateOf = new Map(brokers.map(({ id, state }) => [id, state]));
  const pairs = new Map<string, { a: string; b: string; ends: LinkRow[] }>();
  for (const broker of brokers) {
    for (const link of broker.links) {
      if (!stateOf.has(link.peer)) continue;
      const [a, b] = [broker.id, link.peer].sort() as [string, string];
      const pair = pairs.get(`${a} ${b}`) ?? { a, b, ends: [] };
      // The survivor may not have noticed yet that its peer is gone.
      pair.ends.push(stateOf.get(link.peer) === 'down' ? { ...link, state: 'down' } : link);
      pairs.set(`${a} ${b}`, pair);
    }
  }
  return [...pairs.values()].map(({ a, b, ends }) => linkOf(a, b, ends));
}

function linkOf(a: string, b: string, ends: readonly LinkRow[]): Link {
  const best = ends.find(({ state }) => state === 'up') ?? (ends[0] as LinkRow);
  const messages = ends.reduce((sum, { backlogMessages }) => sum + backlogMessages, 0);
  const backlogBytes = ends.reduce((sum, end) => sum + end.backlogBytes, 0);
  const age = duration(Math.max(...ends.map(({ backlogAgeMs }) => backlogAgeMs)));
  const isUp = best.state === 'up';
  const state = isUp ? (best.roundTripMs === null ? 'up' : duration(best.roundTripMs)) : best.state;
  const waiting = messages === 0 ? '' : `${count(messages)} waiting, ${age}`;
  return {
    a,
    b,
    state: isUp ? 'up' : 'down',
    label: `link ${state}`,
    waiting,
    narrowLabel: state,
    narrowWaiting: messages === 0 ? '' : count(messages),
    title: `${a} – ${b}: ${state}${messages === 0 ? '' : `, ${waiting}, ${bytes(backlogBytes)}`}`,
  };
}

function hintOf({ brokers, gateways, listeningTo }: Overview): string {
  const up = (rows: readonly { state: PartState }[]): string =>
    `${rows.filter(({ state }) => state === 'up').length} of ${rows.length}`;
  const listening = listeningTo === null ? 'no broker to listen to' : `listening to ${listeningTo}`;
  return `${up(brokers)} brokers and ${up(gateways)} gateways up · ${listening}`;
}
