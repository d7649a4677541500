import { build, type Histogram } from 'hdr-histogram-js';

/** Counts of a run. sent = acknowledged + unconfirmed + outstanding + dropped, at every moment. */
export interface Summary {
  seed: string | number;
  devices: number;
  connected: number;
  /** Readings that devices have made. */
  sent: number;
  /** QoS 1 readings whose PUBACK has come. */
  acknowledged: number;
  /** QoS 0 readings that were written; nobody confirms those. */
  unconfirmed: number;
  /** Readings that wait, or are under way. */
  outstanding: number;
  /** Dropped at a queue's bound, and declared in gap records. */
  dropped: number;
  reconnects: number;
  /** From the first publish of a reading to its PUBACK, lost connections included, in ms. */
  latencyMs: { p50: number; p95: number; p99: number; max: number };
  /** Since the start. */
  durationS: number;
  /** Readings made per second, since the start. */
  ratePerS: number;
}

const US_PER_MS = 1_000;
const LATENCY_US_MAX = 3_600_000_000;

/** What a fleet counts while it runs. */
export class FleetStats {
  readonly #latencyUs: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
  });
  connected = 0;
  /** Connections made so far, by all devices. */
  connects = 0;
  sent = 0;
  acknowledged = 0;
  unconfirmed = 0;
  dropped = 0;
  reconnects = 0;

  get outstanding(): number {
    return this.sent - this.acknowledged - this.unconfirmed - this.dropped;
  }

  recordLatency(latencyMs: number): void {
    this.#latencyUs.recordValue(Math.min(LATENCY_US_MAX, Math.max(0, Math.round(latencyMs * US_PER_MS))));
  }

  summarise(run: { seed: string | number; devices: number; elapsedMs: number }): Summary {
    const durationS = run.elapsedMs / 1_000;
    const latency = this.#latencyUs;
    const percentileMs = (percent: number): number => latency.getValueAtPercentile(percent) / US_PER_MS;
    return {
      seed: run.seed,
      devices: run.devices,
      connected: this.connected,
      sent: this.sent,
      acknowledged: this.acknowledged,
      unconfirmed: this.unconfirmed,
      outstanding: this.outstanding,
      dropped: this.dropped,
      reconnects: this.reconnects,
      latencyMs: {
        p50: percentileMs(50),
        p95: percentileMs(95),
        p99: percentileMs(99),
        max: latency.totalCount === 0 ? 0 : latency.maxValue / US_PER_MS,
      },
      durationS,
      ratePerS: durationS > 0 ? this.sent / durationS : 0,
    };
  }
}

/** The summary for people. */
export function summaryText(summary: Summary): string {
  const { latencyMs } = summary;
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const rows: [string, string][] = [
    ['devices', `${summary.devices}, ${summary.reconnects} reconnects`],
    ['sent', `${summary.sent} readings in ${summary.durationS.toFixed(1)} s, ${summary.ratePerS.toFixed(1)}/s`],
    ['acknowledged', String(summary.acknowledged)],
    ...(summary.unconfirmed === 0 ? [] : [['unconfirmed', `${summary.unconfirmed} (QoS 0)`] as [string, string]]),
    ['outstanding', String(summary.outstanding)],
    ['dropped', String(summary.dropped)],
    [
      'latency',
      `p50 ${ms(latencyMs.p50)}  p95 ${ms(latencyMs.p95)}  p99 ${ms(latencyMs.p99)}  max ${ms(latencyMs.max)}`,
    ],
    ['seed', String(summary.seed)],
  ];
  return rows.map(([label, value]) => `${label.padEnd(13)} ${value}\n`).join('');
}

/** One line while it runs; ratePerS is that of the last moments. */
export function progressLine(summary: Summary, ratePerS: number, problem: string | undefined): string {
  const { connected, devices, sent, acknowledged, outstanding, dropped, latencyMs } = summary;
  const line = `${connected}/${devices} devices up, ${sent} sent (${ratePerS.toFixed(0)}/s), ${acknowledged} acknowledged, ${outstanding} outstanding, ${dropped} dropped, p99 ${latencyMs.p99.toFixed(0)} ms`;
  return connected < devices && problem !== undefined ? `${line}; ${problem}` : line;
}
