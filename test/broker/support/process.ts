import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { ChildMessage } from '../../../core/process/index.ts';
import { cleanup, testConfig } from './harness.ts';

export interface BrokerProcess {
  child: ChildProcess;
  detail: Record<string, unknown>;
  port: number;
  /** Sends the signal and waits for the end; resolves with the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a broker as a process of its own, through runBroker; it ends with the test at the latest. */
export async function startProcess(dataDir: string, parts: Record<string, unknown> = {}): Promise<BrokerProcess> {
  const file = join(dataDir, 'broker.yaml');
  await writeFile(file, stringify(await testConfig(join(dataDir, 'data'), parts)));
  const entry = join(import.meta.dirname, 'broker-process.ts');
  const child = spawn(process.execPath, [entry, file], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, LATTICE_LOG_LEVEL: 'silent' },
  });
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    return child.exitCode;
  };
  cleanup(() => end('SIGKILL'));
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the broker ended with ${code}`))),
  ])) as [ChildMessage];
  if (message.type !== 'ready') throw new Error(JSON.stringify(message));
  return { child, detail: message.detail, port: message.detail['port'] as number, end };
}
