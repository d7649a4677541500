import type { Logger } from 'pino';
import { ERROR_CODES } from '../../../core/errors/index.ts';
import { type Clock, repeat, type Timer } from '../../../core/time/index.ts';
import { askChrony } from './chrony.ts';
import type { SystemReferenceConfig } from './config.ts';
import type { Discipline } from './discipline.ts';
import { type RunCommand, runCommand } from './run-command.ts';
import { SampleListeners } from './sample-listeners.ts';
import { askTimesyncd } from './timesyncd.ts';
import type { ReferenceFault, ReferenceSample, ReferenceState, TimeReference, Unsubscribe } from './types.ts';
import { readWallClock } from './wall-clock.ts';

export interface SystemReferenceOptions {
  config: Omit<SystemReferenceConfig, 'kind'>;
  clock: Clock;
  log: Logger;
  run?: RunCommand;
}

/** UTC from the machine's own clock, while chrony or timesyncd says that it keeps it, and how well. */
export class SystemReference implements TimeReference {
  readonly #options: SystemReferenceOptions;
  readonly #listeners = new SampleListeners();
  #state: 'new' | 'started' | 'stopped' = 'new';
  #timer: Timer | undefined;
  #stratum: number | undefined;
  #fault: ReferenceFault | undefined;

  constructor(options: SystemReferenceOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    const { clock, config } = this.#options;
    this.#timer = repeat(clock, config.pollMs, () => this.#look());
    void this.#look();
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#timer?.cancel();
  }

  onSample(listener: (sample: ReferenceSample) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  state(): ReferenceState {
    return {
      kind: 'system',
      ...(this.#listeners.last !== undefined && { lastSample: this.#listeners.last }),
      ...(this.#stratum !== undefined && { stratum: this.#stratum }),
      ...(this.#fault !== undefined && { fault: this.#fault }),
      servers: [],
      rejected: {},
    };
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const discipline = await this.#discipline();
    if (this.#state !== 'started') return;
    if ('refused' in discipline) {
      this.#onFault(discipline.refused);
      return;
    }
    const reading = readWallClock(this.#options.clock);
    if (reading === undefined) {
      this.#onFault('the wall clock was set while it was read');
      return;
    }
    this.#fault = undefined;
    this.#stratum = discipline.stratum;
    this.#listeners.tell({
      atMonotonicMs: reading.atMonotonicMs,
      utcMs: reading.utcMs,
      uncertaintyMs: discipline.uncertaintyMs + reading.uncertaintyMs,
      source: `system: ${discipline.source}`,
    });
  }

  /** chrony's word if it runs, else systemd's. */
  async #discipline(): Promise<Discipline> {
    const { run = runCommand, clock } = this.#options;
    const unavailable: string[] = [];
    for (const ask of [askChrony, askTimesyncd]) {
      const answer = await ask(run, clock);
      if (!('unavailable' in answer)) return answer;
      unavailable.push(answer.unavailable);
    }
    return { refused: unavailable.join('; ') };
  }

  #onFault(reason: string): void {
    const code = 'TIME_SYSTEM_UNSYNCHRONISED';
    if (this.#fault?.detail !== `${reason}.`) this.#options.log.warn({ code, reason }, ERROR_CODES[code].what);
    this.#fault = { code, detail: `${reason}.` };
    this.#stratum = undefined;
  }
}
