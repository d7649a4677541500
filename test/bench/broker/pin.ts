import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Brokers on the first core, the load generator on the second: else the one's speed would depend on the other's. */
export const BROKER_CORE = 0;
export const LOAD_CORE = 1;

export const canPin: boolean = availableParallelism() > 1 && spawnSync('sh', ['-c', 'command -v taskset']).status === 0;

/** Keeps a process and its threads on one core, where the machine can do that. */
export function pin(pid: number, core: number): void {
  if (!canPin) return;
  const { status, stderr } = spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)]);
  if (status !== 0) throw new Error(`taskset: ${stderr}`);
}
