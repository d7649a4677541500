/** Tells the machine-wide clock of a thread or a process each time that it is asked. */
import { parentPort } from 'node:worker_threads';
import { systemClock } from '../../../core/time/index.ts';

parentPort?.on('message', () => parentPort?.postMessage(systemClock.monotonicMs()));
process.on('message', () => process.send?.(systemClock.monotonicMs()));
