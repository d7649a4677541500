import type { KeyValue, OperationResult } from '../types.ts';
import type { CommandResult, RequestId } from './commands.ts';
import type { StateLimits } from './limits.ts';

interface Answer {
  index: number;
  bytes: number;
  /** Undefined once it was dropped to keep the answers within their bound. */
  result: CommandResult | undefined;
}

interface Client {
  highest: number;
  /** Of the applied requests whose sequence is above highest - requestsPerClientMax. */
  answers: Map<number, Answer>;
}

/** The state as it stands in a snapshot: clients from the longest silent to the last heard. */
export type ClientRecord = [
  client: string,
  highest: number,
  answers: [sequence: number, index: number, result: CommandResult | null][],
];

/**
 * Which requests were applied, so that one that is sent again, or stands in the log twice, is applied once. Requests of a
 * client may come in any order as long as they are no more than requestsPerClientMax apart. A client that was silent
 * while clientsMax others spoke is forgotten; what it repeats then is applied again.
 */
export class AppliedRequests {
  /** From the longest silent to the last heard. */
  readonly #clients = new Map<string, Client>();
  /** Those that still have their result, the oldest first. */
  readonly #kept = new Set<Answer>();
  readonly #limits: StateLimits;
  /** The one at the end of #clients, which need not be moved there. */
  #lastHeard = '';
  #bytes = 0;

  constructor(limits: StateLimits) {
    this.#limits = limits;
  }

  /** What the request came to when it was applied; undefined when it was not. */
  find({ client, sequence }: RequestId): CommandResult | undefined {
    const known = this.#clients.get(client);
    if (known === undefined) return undefined;
    if (sequence <= known.highest - this.#limits.requestsPerClientMax) {
      return {
        type: 'error',
        code: 'COORDINATION_REJECTED',
        message: `Request ${sequence} of ${client} is too old, it has sent ${known.highest} since.`,
      };
    }
    const answer = known.answers.get(sequence);
    if (answer === undefined || answer.result !== undefined) return answer?.result;
    return {
      type: 'error',
      code: 'COORDINATION_TIMEOUT',
      message: `Request ${sequence} of ${client} was answered before, the answer is not kept any more.`,
    };
  }

  /** Remembers a request that find() did not know. */
  add({ client, sequence }: RequestId, index: number, result: CommandResult): void {
    const known = this.#clients.get(client) ?? { highest: 0, answers: new Map() };
    this.#heard(client, known);
    if (sequence > known.highest) this.#advance(known, sequence);
    this.#keep(known, sequence, index, result);
    if (this.#clients.size > this.#limits.clientsMax) this.#forgetSilent();
    for (const oldest of this.#kept) {
      if (this.#bytes <= this.#limits.answerBytesMax) break;
      this.#drop(oldest);
    }
  }

  *records(): Generator<ClientRecord> {
    for (const [client, { highest, answers }] of this.#clients) {
      const kept = [...answers].map(([sequence, { index, result }]): ClientRecord[2][number] => {
        return [sequence, index, result ?? null];
      });
      yield [client, highest, kept];
    }
  }

  restore(records: Iterable<ClientRecord>): void {
    const kept: Answer[] = [];
    for (const [client, highest, answers] of records) {
      const known: Client = { highest, answers: new Map() };
      this.#heard(client, known);
      for (const [sequence, index, result] of answers) {
        const answer = { index, bytes: result ? answerBytes(result) : 0, result: result ?? undefined };
        known.answers.set(sequence, answer);
        if (result) kept.push(answer);
      }
    }
    for (const answer of kept.sort((a, b) => a.index - b.index)) {
      this.#kept.add(answer);
      this.#bytes += answer.bytes;
    }
  }

  #heard(name: string, client: Client): void {
    if (name === this.#lastHeard) return;
    this.#clients.delete(name);
    this.#clients.set(name, client);
    this.#lastHeard = name;
  }

  #keep(client: Client, sequence: number, index: number, result: CommandResult): void {
    const answer = { index, bytes: answerBytes(result), result };
    client.answers.set(sequence, answer);
    this.#kept.add(answer);
    this.#bytes += answer.bytes;
  }

  /** Moves the window of sequence numbers on, past the answers that fall out of it. */
  #advance(client: Client, highest: number): void {
    const { requestsPerClientMax } = this.#limits;
    const through = highest - requestsPerClientMax;
    const from = Math.max(1, client.highest - requestsPerClientMax + 1);
    for (let sequence = from; sequence <= Math.min(through, client.highest); sequence++) {
      const answer = client.answers.get(sequence);
      if (answer) this.#drop(answer);
      client.answers.delete(sequence);
    }
    client.highest = highest;
  }

  #forgetSilent(): void {
    const [silent] = this.#clients;
    if (silent === undefined) return;
    for (const answer of silent[1].answers.values()) this.#drop(answer);
    this.#clients.delete(silent[0]);
  }

  #drop(answer: Answer): void {
    if (!this.#kept.delete(answer)) return;
    this.#bytes -= answer.bytes;
    answer.result = undefined;
  }
}

/** What an answer takes, roughly; the same on every member. */
function answerBytes(result: CommandResult): number {
  let bytes = 200;
  if (result.type !== 'transaction') return bytes;
  for (const operation of result.results) {
    bytes += 50;
    for (const { key, value } of keyValuesOf(operation)) bytes += 200 + key.length + value.length;
  }
  return bytes;
}

function keyValuesOf(operation: OperationResult): readonly KeyValue[] {
  switch (operation.op) {
    case 'put':
      return operation.previous ? [operation.previous] : [];
    case 'delete':
      return operation.deleted;
    case 'get':
      return operation.keyValues;
  }
}
