import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { codeOf, messageOf } from '../core/errors/index.ts';
import { delay } from '../core/time/index.ts';
import type { Agreement } from './agreement/index.ts';
import type { GatewayConfig } from './config.ts';
import { EpochKeeper } from './fleet/index.ts';
import type { GatewayDeps } from './gateway.ts';
import { fillJobMetrics, type Job, JobRunner, ledgerVerifyJob, storeUsageJob } from './jobs/index.ts';
import { enrolAuthor, type LedgerAuthor, loadOrCreateSigningKey, siteRootKey } from './ledger/index.ts';
import { asFencedStore, type TimeSeriesStore } from './store/index.ts';

const ENROL_AGAIN_MS = 1_000;

export interface SiteDutiesOptions extends GatewayDeps {
  config: GatewayConfig;
  agreement: Agreement;
  store: TimeSeriesStore;
}

/** What this gateway does for its site as a whole while it leads it, and in whose name. */
export class SiteDuties {
  readonly #options: SiteDutiesOptions;
  readonly #author: LedgerAuthor;
  readonly #runner: JobRunner;
  readonly #epochs: EpochKeeper;
  readonly #stopped = new AbortController();
  #stopListening: () => void = () => {};
  #enrolling: Promise<void> = Promise.resolve();

  static async open(options: SiteDutiesOptions): Promise<SiteDuties> {
    const { id, dataDir } = options.config;
    return new SiteDuties(options, { name: id, key: await loadOrCreateSigningKey(join(dataDir, 'ledger.key')) });
  }

  constructor(options: SiteDutiesOptions, author: LedgerAuthor) {
    const { config, agreement, clock, random, log } = options;
    this.#options = options;
    this.#author = author;
    const shared = {
      ...{ clock, log },
      onLeadership: (listener: (token: number | undefined) => void) => agreement.onLeadership(listener),
      // Terms of Raft and revisions of etcd are not to be compared.
      scope: `${config.site}/leader/${agreement.driver}`,
    };
    const { coordinator } = agreement;
    this.#runner = new JobRunner({
      ...{ ...shared, coordinator, gateway: config.id },
      jobs: this.#jobs(),
      random: random.fork('jobs'),
    });
    this.#epochs = new EpochKeeper({ ...shared, group: coordinator, author, random: random.fork('epochs') });
  }

  start(): void {
    this.#enrolling = this.#enrol();
    this.#runner.start();
    this.#stopListening = this.#options.agreement.onMembers((names) => this.#epochs.setMembers(names));
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#stopListening();
    await Promise.all([this.#runner.stop(), this.#epochs.stop(), this.#enrolling]);
  }

  fillMetrics(registry: Registry): void {
    fillJobMetrics(registry, this.#runner);
  }

  #jobs(): Job[] {
    const { config, agreement, store, clock, log } = this.#options;
    const { jobs, site, siteKey } = config;
    const group = agreement.coordinator;
    const fenced = asFencedStore(store);
    const all = [
      ledgerVerifyJob({
        schedule: jobs['ledger-verify'],
        group,
        trust: () => ({ rootKey: siteRootKey(siteKey).publicKey }),
        publish: (verdict) => log.info({ verdict }, 'the ledger of administrative acts was checked'),
      }),
      ...(fenced === undefined ? [] : [storeUsageJob({ schedule: jobs['store-usage'], site, store: fenced, clock })]),
    ];
    return all.filter(({ schedule }) => schedule !== 'off');
  }

  /** What this gateway does for its site stands in the ledger in its own name. */
  async #enrol(): Promise<void> {
    const { config, agreement, clock, log } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await enrolAuthor({ group: agreement.coordinator, clock }, config.siteKey, this.#author);
        // What it writes is entered in the ledger.
        if (!signal.aborted) this.#epochs.start();
        return;
      } catch (error) {
        const isPassing = ['COORDINATION_UNAVAILABLE', 'COORDINATION_TIMEOUT'].includes(codeOf(error));
        log[isPassing ? 'debug' : 'warn'](
          { code: codeOf(error), reason: messageOf(error) },
          'this gateway is no author of the ledger yet',
        );
        await delay(clock, ENROL_AGAIN_MS, signal);
      }
    }
  }
}
