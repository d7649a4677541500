import type { Logger } from 'pino';
import type { Clock, Timer } from '../../core/time/index.ts';
import type { FederationPort } from './port.ts';

export interface OwnLifeOptions {
  port: FederationPort;
  clock: Clock;
  log: Logger;
  /** Says of this broker what it is now, to everybody. */
  floodOwn: () => void;
  /** This broker is in a new life. */
  onRenewed: (incarnation: string) => void;
}

const OUTBIDS_AT_ONCE = 20;
const OUTBID_PAUSE_MS = 5_000;

/** Defends what this broker says of itself against what others have heard of earlier lives of it. */
export class OwnLife {
  readonly #options: OwnLifeOptions;
  #outbidTimer: Timer | undefined;
  #renewal: Promise<void> | undefined;

  constructor(options: OwnLifeOptions) {
    this.#options = options;
  }

  /**
   * Somebody heard of an earlier life of this broker, and hears of this one. Usually that is over with the first answer; two
   * processes under one id would go on for ever, so they do it slowly. `count`: times that it had to be done.
   */
  outbid(count: number): void {
    const { clock, log, port, floodOwn } = this.#options;
    if (count <= OUTBIDS_AT_ONCE) {
      floodOwn();
      return;
    }
    if (this.#outbidTimer !== undefined) return;
    log.error(
      { code: 'LINK_REFUSED', node: port.brokerId },
      'another process of the mesh goes by the id of this broker',
    );
    this.#outbidTimer = clock.setTimer(OUTBID_PAUSE_MS, () => {
      this.#outbidTimer = undefined;
      floodOwn();
    });
  }

  /** Once: a life that began in this process is known to nobody from before, and whoever says otherwise is wrong. */
  renew(node: string): void {
    const { port, log, onRenewed } = this.#options;
    if (this.#renewal !== undefined) return;
    log.warn({ code: 'JOURNAL_OLDER', node }, 'another broker has had more from this one than its journal holds');
    this.#renewal = port.renewIncarnation().then(
      () => onRenewed(port.incarnation),
      (error: unknown) => {
        this.#renewal = undefined;
        log.error({ error }, 'no new life could be begun; trying again when it is asked for');
      },
    );
  }

  stop(): void {
    this.#outbidTimer?.cancel();
  }

  /** Resolves when no new life is being begun. */
  async settled(): Promise<void> {
    await this.#renewal;
  }
}
