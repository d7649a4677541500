import type {
  AgreementStatus,
  ClockFault,
  ClockRow,
  ReadingAccount,
  TimeReferenceStatus,
} from '../../../core/wire/index.ts';

/**
 * What the console's server tells the page: plain JSON, the same types on both sides. Durations and ages are in the unit
 * that the name ends in; `atMs` and `lastSeenMs` are wall ms of the server.
 */
export type PartState = 'up' | 'down' | 'unknown';

export interface LinkRow {
  peer: string;
  state: 'up' | 'connecting' | 'down' | 'refused';
  roundTripMs: number | null;
  backlogMessages: number;
  backlogBytes: number;
  /** Of the oldest that waits. */
  backlogAgeMs: number;
  sent: number;
  received: number;
  dropped: number;
}

export interface BrokerRow {
  id: string;
  address: string;
  state: PartState;
  /** Null until the broker has told its health. */
  health: {
    uptimeS: number;
    rssBytes: number;
    connections: number;
    retained: number;
    queued: number;
    refusedTotal: number;
    commitP99Ms: number;
    publishedPerS: number | null;
    /** It takes no clients any more. */
    isDraining: boolean;
  } | null;
  links: LinkRow[];
}

export interface GatewayRow {
  id: string;
  address: string;
  state: PartState;
  /** Null until the gateway has answered once; afterwards the last that is known. */
  status: {
    uptimeS: number;
    brokerUp: boolean;
    storeUp: boolean;
    shards: number;
    storedPerS: number | null;
    bufferReadings: number;
    bufferBytes: number;
    latencyP50Ms: number;
    latencyP99Ms: number;
    account: ReadingAccount;
    /** How it agrees with the others of the site; null when it takes no part. */
    agreement: AgreementStatus | null;
  } | null;
}

/** The time of the mesh, as the gateways that answer tell it. */
export interface TimeOverview {
  master: { id: string; term: number; round: number } | null;
  /** Where the master has UTC from; null when it has no reference outside. */
  reference: TimeReferenceStatus | null;
  rows: ClockRow[];
  faults: ClockFault[];
}

export interface StoreRow {
  address: string;
  state: PartState;
  roundTripMs: number | null;
}

export interface AccountRow extends ReadingAccount {
  /** sent = stored + buffered + rejected + dropped, with nothing missing or lost. */
  closed: boolean;
  /** Of the missing, those that have been so for too long to be on their way. */
  overdue: number;
  /** Gateways that did not answer; their last known figures are in the sums. */
  silent: string[];
  /** Gateways that have never answered, so that their figures are not in the sums. */
  unknown: string[];
}

export interface DeadLetterRow {
  id: number;
  device: string;
  code: string;
  reason: string;
  topic: string;
  /** The start of the payload as text, with control characters shown as dots. */
  preview: string;
  payloadBytes: number;
  atMs: number;
  by: string;
}

export interface Overview {
  site: string;
  tone: 'ok' | 'warn' | 'bad';
  /** The state of the mesh in words, the worst first. */
  words: string[];
  devices: { total: number; online: number; silent: number; offline: number; forgotten: number };
  readingsPerS: number;
  /** Messages that were no reading, since the console started. */
  unreadable: number;
  /** The broker that the console listens to; null while there is none. */
  listeningTo: string | null;
  brokers: BrokerRow[];
  gateways: GatewayRow[];
  /** Null when no gateway takes part in it. */
  time: TimeOverview | null;
  store: StoreRow;
  account: AccountRow;
  deadLetters: { total: number; newest: DeadLetterRow[] };
}

export type DeviceState = 'online' | 'silent' | 'offline';

export interface DeviceRow {
  id: string;
  name: string;
  area: string | null;
  model: string | null;
  source: 'simulated' | 'replay' | 'sensor' | 'unknown';
  state: DeviceState;
  lastSeenMs: number | null;
  /** The device's own stamp of its last reading. */
  tsMs: number | null;
  /** Mean time between readings. */
  intervalMs: number | null;
  readings: number;
  values: Record<string, number | boolean | string>;
  /** The course of one metric over the last minutes, oldest first. */
  spark: { metric: string; values: number[] } | null;
}

export type DeviceShow = 'all' | DeviceState;

export interface DeviceList {
  /** Devices that match, of which rows holds the first. */
  matched: number;
  rows: DeviceRow[];
}

/** GET /api/mesh */
export interface MeshSnapshot extends DeviceList {
  atMs: number;
  overview: Overview;
}

/** One event of GET /api/stream. Whatever is left out has not changed. */
export interface MeshDelta {
  atMs: number;
  overview?: Overview;
  matched?: number;
  /** The ids of the rows that match, in order. */
  order?: string[];
  rows?: DeviceRow[];
}

/** GET /api/history */
export interface History {
  device: string;
  metric: string;
  bucketMs: number;
  /** [wall ms, mean] in order of time. */
  points: [number, number][];
}

/** What every refusal of the API looks like. */
export interface ApiFault {
  code: string;
  message: string;
  remedy: string;
}
