import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { LatticeError, messageOf } from '../core/errors/index.ts';
import { hostService } from '../core/process/index.ts';
import { repeat, systemClock } from '../core/time/index.ts';
import { dryRun } from './dry-run.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { loadScenario, parseScenario, type Scenario } from './scenario.ts';
import { progressLine, summaryText } from './summary.ts';

export interface RunSimOptions {
  /** Without a file: `devices` simulated devices. What is given beside a file overrides it. */
  scenarioFile?: string | undefined;
  brokers?: string[] | undefined;
  site?: string | undefined;
  /** One account for all devices; or siteKey, and each device has its own. */
  username?: string | undefined;
  password?: string | undefined;
  siteKey?: string | undefined;
  seed?: string | number | undefined;
  /** Stops after so long. */
  durationS?: number | undefined;
  /** Stops after so many readings of the whole fleet. */
  readings?: number | undefined;
  /** Devices of the scenario's first simulated fleet; 0 leaves that fleet out. Default without a file: 20. */
  devices?: number | undefined;
  /** Of every simulated fleet. */
  intervalMs?: number | undefined;
  /** Of every mote replay. */
  speed?: number | undefined;
  /** Prints the readings as NDJSON in virtual time instead of sending them. */
  dryRun?: boolean | undefined;
  /** Prints the summary as JSON. */
  json?: boolean | undefined;
  /** PEM file of the authority that signed the brokers' certificates. */
  caFile?: string | undefined;
}

const DEFAULT_DEVICES = 20;
const DRY_RUN_SEED = 1;
const DRY_RUN_S = 60;
const PROGRESS_TTY_MS = 1_000;
const PROGRESS_MS = 10_000;
/** When a run has met its own end there is no hurry, and a broker may be on its way back. */
const FINISHED_DRAIN_MS = 10_000;
const EXIT_UNREACHABLE = 3;

/**
 * Runs a fleet until its stop condition, SIGINT, SIGTERM, or the end of the parent. Resolves with the exit code: 0 when
 * every reading was acknowledged, 1 when not, 3 when no device ever had a connection.
 * Throws CONFIG_UNREADABLE or SCENARIO_INVALID; AUTH_FAILED when a broker refuses the credentials from the start.
 */
export async function runSim(options: RunSimOptions = {}): Promise<number> {
  const scenario = scenarioOf(options);
  return options.dryRun ? printDryRun(scenario) : runLive(scenario, options);
}

/** The file or the default scenario, with the options over it. */
function scenarioOf(options: RunSimOptions): Scenario {
  const base =
    options.scenarioFile === undefined
      ? parseScenario({ fleets: [{ kind: 'simulated', count: options.devices ?? DEFAULT_DEVICES }] })
      : loadScenario(options.scenarioFile);
  const firstSimulated = base.fleets.findIndex(({ kind }) => kind === 'simulated');
  const isLeftOut = (index: number): boolean => index === firstSimulated && options.devices === 0;
  const fleets = base.fleets.map((fleet, index) =>
    fleet.kind === 'simulated'
      ? {
          ...fleet,
          ...given({ count: index === firstSimulated ? options.devices : undefined, intervalMs: options.intervalMs }),
        }
      : { ...fleet, ...given({ speed: options.speed }) },
  );
  const { username, password, siteKey } = options;
  // One kind of credentials replaces the other: a file's user name must not win over a site key that was given.
  const credentials = siteKey === undefined ? given({ username, password }) : { siteKey, username, password };
  return parseScenario({
    ...base,
    ...given({ brokers: options.brokers, site: options.site, seed: options.seed }),
    ...credentials,
    stop: { ...base.stop, ...given({ afterS: options.durationS, afterReadings: options.readings }) },
    fleets: fleets.filter((_, index) => !isLeftOut(index)),
  });
}

/** The fields that have a value. */
function given<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

async function printDryRun(scenario: Scenario): Promise<number> {
  const { afterS, afterReadings } = scenario.stop;
  const stop = afterS === undefined && afterReadings === undefined ? { afterS: DRY_RUN_S } : scenario.stop;
  for await (const reading of dryRun({ ...scenario, seed: scenario.seed ?? DRY_RUN_SEED, stop })) {
    if (!process.stdout.write(`${JSON.stringify(reading)}\n`)) await once(process.stdout, 'drain');
  }
  return 0;
}

async function runLive(scenario: Scenario, options: RunSimOptions): Promise<number> {
  // V8's nursery as small as it starts: it grows under load, and a fleet of 1,000 by 60 MB with it (measured).
  setFlagsFromString('--semi-space-growth-factor=1');
  const ca = options.caFile === undefined ? undefined : readCa(options.caFile);
  const problems = new Problems();
  const fleet = await createFleet(scenario, { ca, onProblem: (_device, error) => problems.note(error) });
  const progress = showProgress(fleet, problems);
  const code = await hostService(async () => {
    fleet.start();
    return {
      detail: { devices: fleet.devices.length },
      ended: Promise.race([
        fleet.finished.then(() => fleet.drain(FINISHED_DRAIN_MS)),
        problems.refused(() => !fleet.wasEverUp),
      ]),
      stop: () => fleet.stop(),
      exitCode: () => {
        const { outstanding, dropped } = fleet.summary();
        if (!fleet.wasEverUp) return EXIT_UNREACHABLE;
        return outstanding > 0 || dropped > 0 ? 1 : 0;
      },
    };
  });
  progress.cancel();
  if (problems.refusal !== undefined && !fleet.wasEverUp) throw problems.refusal;
  const summary = fleet.summary();
  process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : summaryText(summary));
  return code;
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new LatticeError('CONFIG_UNREADABLE', `${file}: ${messageOf(cause)}.`, { cause });
  }
}

/** The last thing that went wrong, and whether a broker refused the credentials. */
class Problems {
  readonly #refused = Promise.withResolvers<void>();
  #isFatal: () => boolean = () => false;
  last: string | undefined;
  refusal: LatticeError | undefined;

  /** Resolves when credentials are refused while isFatal holds: later a broker that is up may have its own reasons. */
  refused(isFatal: () => boolean): Promise<void> {
    this.#isFatal = isFatal;
    return this.#refused.promise;
  }

  note(error: LatticeError): void {
    this.last = error.message;
    if (error.code !== 'AUTH_FAILED') return;
    this.refusal ??= error;
    if (this.#isFatal()) this.#refused.resolve();
  }
}

/** A line on stderr now and then: each second for a person who watches, seldom for a log. */
function showProgress(fleet: Fleet, problems: Problems): { cancel(): void } {
  const isTty = process.stderr.isTTY === true;
  let lastMs = systemClock.monotonicMs();
  let lastSent = 0;
  let sinceLineMs = 0;
  const timer = repeat(systemClock, PROGRESS_TTY_MS, () => {
    const nowMs = systemClock.monotonicMs();
    const summary = fleet.summary();
    sinceLineMs += PROGRESS_TTY_MS;
    if (!isTty && sinceLineMs < PROGRESS_MS) return;
    sinceLineMs = 0;
    const line = progressLine(summary, ((summary.sent - lastSent) * 1_000) / (nowMs - lastMs), problems.last);
    process.stderr.write(isTty ? `\r\u001b[K${line}` : `${line}\n`);
    lastMs = nowMs;
    lastSent = summary.sent;
  });
  return {
    cancel() {
      timer.cancel();
      if (isTty) process.stderr.write('\n');
    },
  };
}
