import { Counter, Gauge, type Registry } from 'prom-client';
import type { JobRunner } from './runner.ts';

/** Puts the counts of the jobs into a registry. */
export function fillJobMetrics(registry: Registry, runner: Pick<JobRunner, 'counters' | 'running'>): void {
  const events = new Counter({
    name: 'lattice_gateway_job_events_total',
    help: 'What became of the times at which a job was due, at this gateway',
    labelNames: ['job', 'event'],
    registers: [registry],
  });
  for (const [job, counters] of runner.counters) {
    for (const [event, count] of Object.entries(counters)) events.inc({ job, event }, count);
  }
  new Gauge({ name: 'lattice_gateway_jobs_running', help: 'Jobs under way', registers: [registry] }).set(
    runner.running,
  );
}
