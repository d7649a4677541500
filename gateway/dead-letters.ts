import type { Logger } from 'pino';
import { ERROR_CODES, LatticeError, messageOf } from '../core/errors/index.ts';
import type { Clock } from '../core/time/index.ts';
import { deadLetter, meshTopic, parseMeshTopic } from '../core/wire/index.ts';
import { encodeRecord, type Readable } from './buffer/index.ts';

export interface DeadLettersOptions {
  site: string;
  gatewayId: string;
  clock: Clock;
  log: Logger;
  publish: (topic: string, payload: string) => Promise<void>;
}

/** Tells what was refused and why, in the log and under the `deadletter` of the device that it came from. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;
  /** Letters that could not be published, since the broker was away. They stand in the log all the same. */
  unpublished = 0;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** A message that is no reading. */
  refused({ topic, payload, error }: { topic: string; payload: Uint8Array; error: LatticeError }): void {
    const { site, device } = parseMeshTopic(topic) ?? { site: this.#options.site, device: this.#options.gatewayId };
    this.#options.log.warn({ code: error.code, topic, reason: error.message }, ERROR_CODES[error.code].what);
    this.#publish(site, device, topic, payload, error);
  }

  /** A record that the store does not take. */
  rejected(record: Readable, reason: string): void {
    const error = new LatticeError('STORE_REJECTED', reason);
    const { site, device } = sourceOf(record);
    const topic = meshTopic(site, device, record.type === 'reading' ? 'state' : record.type);
    this.#options.log.error({ code: error.code, topic, reason }, ERROR_CODES[error.code].what);
    this.#publish(site, device, topic, encodeRecord(record), error);
  }

  /** Bytes in the buffer that are no record of this version. */
  unreadable(bytes: Uint8Array): void {
    const { site, gatewayId, log } = this.#options;
    const error = new LatticeError('BUFFER_UNREADABLE', `${bytes.byteLength} bytes in the buffer.`);
    log.error({ code: error.code, bytes: bytes.byteLength }, ERROR_CODES[error.code].what);
    this.#publish(site, gatewayId, meshTopic(site, gatewayId, 'deadletter'), bytes, error);
  }

  #publish(site: string, device: string, topic: string, payload: Uint8Array, error: LatticeError): void {
    const { clock, gatewayId, log, publish } = this.#options;
    const atMs = Math.round(clock.wallMs());
    const letter = deadLetter({ code: error.code, reason: error.message, topic, payload, atMs, by: gatewayId });
    const to = meshTopic(site, device, 'deadletter');
    publish(to, JSON.stringify(letter)).catch((cause: unknown) => {
      this.unpublished++;
      log.warn({ topic: to, reason: messageOf(cause) }, 'a dead letter could not be published');
    });
  }
}

function sourceOf(record: Readable): { site: string; device: string } {
  switch (record.type) {
    case 'reading':
      return record.reading;
    case 'gap':
      return record;
    case 'health':
      return { site: record.site, device: record.health.node };
    case 'linkgap':
      return { site: record.site, device: record.gap.node };
  }
}
