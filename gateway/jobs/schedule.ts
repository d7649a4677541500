import { createTask, validate } from 'node-cron';

/** When a job is due. */
export interface Schedule {
  /** The first time after now, in ms of the wall clock. */
  nextMs(): number;
  /** Calls back each time from now on. */
  start(onDue: () => void): void;
  stop(): void;
}

export function isCronExpression(text: string): boolean {
  return validate(text);
}

const SILENT = { info() {}, warn() {}, error() {}, debug() {} };

/** A cron expression, with five fields or a sixth in front for seconds, in UTC: no hour comes twice, at no gateway. */
export function cronSchedule(expression: string): Schedule {
  let onDue: () => void = () => {};
  const task = createTask(expression, () => onDue(), { timezone: 'UTC', logger: SILENT, unref: true });
  // The process was busy at the time: late is better than not at all.
  task.on('execution:missed', () => onDue());
  return {
    nextMs: () => task.getNextRuns(1)[0]!.getTime(),
    start(callback) {
      onDue = callback;
      void task.start();
    },
    stop() {
      void task.destroy();
    },
  };
}
