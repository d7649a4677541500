import type { KvInput, KvOutput } from './models/kv.ts';
import type { RegisterInput, RegisterOutput } from './models/register.ts';
import type { Operation } from './types.ts';

/*
 * Histories as Jepsen and porcupine write them down: one line when a process asks and one when it learns. A line's number
 * is its time.
 */

/** Lines such as `INFO  jepsen.util - 3	:invoke	:cas	[1 2]`. Throws on a line that it cannot read. */
export function registerHistory(log: string): Operation<RegisterInput, RegisterOutput>[] {
  const history = new History<RegisterInput, RegisterOutput>();
  for (const line of log.split('\n')) {
    if (line === '') continue;
    const [, process, fate, op, value] =
      /^INFO\s+jepsen\.util - (\d+)\s+:(\w+)\s+:(\w+)\s+(.*?)\s*$/.exec(line) ?? unreadable(line);
    if (fate === 'invoke') history.invoke(process!, registerInput(op!, value!));
    // Of a read it is enough that nobody saw the answer.
    else if (fate === 'info' || value === ':timed-out') history.lose(process!);
    else if (op === 'read') history.answer(process!, value === 'nil' ? null : Number(value));
    else history.answer(process!, fate === 'ok');
  }
  return history.operations;
}

/** Lines such as `{:process 3, :type :ok, :f :get, :key "1", :value "x 0 1 y"}`. Throws on a line that it cannot read. */
export function kvHistory(log: string): Operation<KvInput, KvOutput>[] {
  const history = new History<KvInput, KvOutput>();
  for (const line of log.split('\n')) {
    if (line === '') continue;
    const [, process, fate, op, key, value] =
      /^\{:process (\d+), :type :(\w+), :f :(\w+), :key "(.*?)", :value (?:nil|"(.*)")\}$/.exec(line) ??
      unreadable(line);
    if (fate === 'invoke') history.invoke(process!, kvInput(op!, key!, value));
    else if (fate === 'ok') history.answer(process!, op === 'get' ? value! : '');
    else history.lose(process!);
  }
  return history.operations;
}

class History<Input, Output> {
  readonly operations: Operation<Input, Output>[] = [];
  readonly #open = new Map<string, Operation<Input, Output>>();
  #lines = 0;

  invoke(process: string, input: Input): void {
    if (this.#open.has(process)) throw new Error(`process ${process} asks while it waits`);
    this.#lines += 1;
    const operation = { process, input, output: undefined, invokedAt: this.#lines, returnedAt: this.#lines };
    this.operations.push(operation);
    this.#open.set(process, operation);
  }

  answer(process: string, output: Output): void {
    const operation = this.lose(process);
    operation.output = output;
    operation.returnedAt = this.#lines;
  }

  /** What is still open when the log ends is lost too. */
  lose(process: string): Operation<Input, Output> {
    const operation = this.#open.get(process);
    if (operation === undefined) throw new Error(`process ${process} is answered but did not ask`);
    this.#lines += 1;
    this.#open.delete(process);
    return operation;
  }
}

function registerInput(op: string, value: string): RegisterInput {
  const numbers = value.match(/\d+/g)?.map(Number) ?? [];
  if (op === 'read') return { op };
  if (op === 'write' && numbers.length === 1) return { op, value: numbers[0]! };
  if (op === 'cas' && numbers.length === 2) return { op, expected: numbers[0]!, value: numbers[1]! };
  return unreadable(`${op} ${value}`);
}

function kvInput(op: string, key: string, value: string | undefined): KvInput {
  if (op === 'get') return { op, key };
  if ((op === 'put' || op === 'append') && value !== undefined) return { op, key, value };
  return unreadable(`${op} ${key} ${value}`);
}

function unreadable(line: string): never {
  throw new Error(`not a line of a recorded history: ${line}`);
}
