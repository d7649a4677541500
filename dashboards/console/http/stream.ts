import type { ServerResponse } from 'node:http';
import { type Clock, repeat, type Timer } from '../../../core/time/index.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { DeviceRow, DeviceShow, MeshDelta } from '../model/types.ts';

/** Two deltas per second at most. */
const TICK_MS = 500;
/** Pages that are open at once; further ones are refused. */
export const STREAMS_MAX = 64;
/** A page that does not read gets nothing new until it has; after this long it is cut off and reconnects. */
const UNREAD_BYTES_MAX = 1024 * 1024;
const STALLED_MS_MAX = 30_000;
/** Proxies close connections on which nothing moves. */
const HEARTBEAT_MS = 15_000;
/** Silence and ages change without an event. */
const RECHECK_MS = 2_000;

export interface StreamView {
  query: string;
  show: DeviceShow;
  limit: number;
  /** A device that is sent besides the list, since its charts are open. */
  device: string | undefined;
}

interface Stream {
  response: ServerResponse;
  view: StreamView;
  revision: number;
  overviewJson: string;
  orderKey: string;
  matched: number;
  states: Map<string, string>;
  checkedMs: number;
  writtenMs: number;
}

/** The open event streams (https://html.spec.whatwg.org/multipage/server-sent-events.html) and what each knows already. */
export class StreamHub {
  readonly #model: MeshModel;
  readonly #clock: Clock;
  readonly #streams = new Set<Stream>();
  #timer: Timer | undefined;

  constructor(model: MeshModel, clock: Clock) {
    this.#model = model;
    this.#clock = clock;
  }

  start(): void {
    this.#timer = repeat(this.#clock, TICK_MS, () => {
      for (const stream of this.#streams) this.#tick(stream);
    });
  }

  stop(): void {
    this.#timer?.cancel();
    for (const { response } of this.#streams) response.destroy();
    this.#streams.clear();
  }

  get isFull(): boolean {
    return this.#streams.size >= STREAMS_MAX;
  }

  /** Serves one page until it goes. The headers must not have been sent. */
  open(response: ServerResponse, view: StreamView, headers: Record<string, string>): void {
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    const stream: Stream = {
      response,
      view,
      revision: -1,
      overviewJson: '',
      orderKey: '',
      matched: -1,
      states: new Map(),
      checkedMs: Number.NEGATIVE_INFINITY,
      writtenMs: this.#clock.monotonicMs(),
    };
    this.#streams.add(stream);
    response.on('close', () => this.#streams.delete(stream));
    response.on('error', () => this.#streams.delete(stream));
    response.write('retry: 1000\n\n');
    this.#tick(stream);
  }

  #tick(stream: Stream): void {
    const nowMs = this.#clock.monotonicMs();
    if (stream.response.writableLength > UNREAD_BYTES_MAX) {
      if (nowMs - stream.writtenMs > STALLED_MS_MAX) stream.response.destroy();
      return;
    }
    const delta = this.#delta(stream);
    if (delta !== undefined) {
      stream.response.write(`event: mesh\ndata: ${JSON.stringify(delta)}\n\n`);
      stream.writtenMs = nowMs;
    } else if (nowMs - stream.writtenMs > HEARTBEAT_MS) {
      stream.response.write(': still here\n\n');
      stream.writtenMs = nowMs;
    }
  }

  #delta(stream: Stream): MeshDelta | undefined {
    const now = { wallMs: this.#clock.wallMs(), monotonicMs: this.#clock.monotonicMs() };
    const delta: MeshDelta = { atMs: now.wallMs };
    const overview = this.#model.overview(now);
    const overviewJson = JSON.stringify(overview);
    if (overviewJson !== stream.overviewJson) {
      stream.overviewJson = overviewJson;
      delta.overview = overview;
    }
    const { devices } = this.#model;
    if (devices.revision !== stream.revision || now.monotonicMs - stream.checkedMs >= RECHECK_MS) {
      const list = devices.list(stream.view, now);
      if (list.matched !== stream.matched) delta.matched = list.matched;
      const orderKey = list.rows.map(({ id }) => id).join('\n');
      if (orderKey !== stream.orderKey || stream.revision < 0) delta.order = list.rows.map(({ id }) => id);
      const open = stream.view.device === undefined ? undefined : devices.row(stream.view.device, now);
      const rows = open === undefined || list.rows.some(({ id }) => id === open.id) ? list.rows : [...list.rows, open];
      const changed = rows.filter((row) => this.#isNew(stream, row));
      if (changed.length > 0) delta.rows = changed;
      stream.matched = list.matched;
      stream.orderKey = orderKey;
      stream.states = new Map(rows.map(({ id, state }) => [id, state]));
      stream.revision = devices.revision;
      stream.checkedMs = now.monotonicMs;
    }
    return Object.keys(delta).length > 1 ? delta : undefined;
  }

  /** A row that the page has not seen in this form: it was not in the list before, or it has changed since. */
  #isNew(stream: Stream, row: DeviceRow): boolean {
    return stream.states.get(row.id) !== row.state || this.#model.devices.revisionOf(row.id) > stream.revision;
  }
}
