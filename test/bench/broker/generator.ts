import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromLoad, LoadResult, LoadSpec, ToLoad } from './load/spec.ts';
import { LOAD_CORE, pin } from './pin.ts';

const ENTRY = fileURLToPath(new URL('load/main.ts', import.meta.url));

/** What to do between the parts of a run; the next part begins when it is done. */
export interface Between {
  /** Messages reach every subscriber; the load is about to begin. */
  ready?(): Promise<void> | void;
  /** The whole backlog is acknowledged; its deliveries are about to be timed. */
  published?(): Promise<void> | void;
}

/** Runs the load generator once, in a process of its own. Rejects when it fails. */
export async function generate(spec: LoadSpec, between: Between = {}): Promise<LoadResult> {
  // A young generation that holds the garbage of many reads keeps its pauses out of the latencies.
  const child = fork(ENTRY, { execArgv: ['--max-semi-space-size=64', '--disable-warning=ExperimentalWarning'] });
  pin(child.pid as number, LOAD_CORE);
  const exited = once(child, 'exit');
  const tell = (message: ToLoad): unknown => child.send(message);
  try {
    return await new Promise<LoadResult>((resolve, reject) => {
      child.on('message', (message: FromLoad) => {
        if (message.type === 'result') resolve(message.result);
        else if (message.type === 'failed') reject(new Error(message.reason));
        else Promise.resolve(between[message.type]?.()).then(() => tell({ type: 'go' }), reject);
      });
      child.on('exit', (code) => reject(new Error(`The load generator ended with ${code}.`)));
      tell({ type: 'run', spec });
    });
  } finally {
    child.kill();
    await exited;
  }
}
