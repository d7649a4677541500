import { describe, expect, it } from 'vitest';
import { cronSchedule, jobsConfigSchema } from '../../../gateway/jobs/index.ts';

describe('a cron schedule', () => {
  it('is due when its next time has come, again and again, until it is stopped', async () => {
    const schedule = cronSchedule('* * * * * *');
    const nextMs = schedule.nextMs();
    const times: number[] = [];
    const seen = Promise.withResolvers<void>();
    schedule.start(() => {
      times.push(Date.now());
      if (times.length === 2) seen.resolve();
    });
    await seen.promise;
    schedule.stop();
    expect(times[0]).toBeGreaterThanOrEqual(nextMs - 50);
    expect(times[1]).toBeGreaterThan(times[0]!);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(times).toHaveLength(2);
  });

  it('is in UTC', () => {
    expect(new Date(cronSchedule('30 3 * * *').nextMs()).toISOString()).toMatch(/T03:30:00\.000Z$/);
  });

  it('of a configuration has to be one, or off', () => {
    expect(jobsConfigSchema.parse({ 'store-usage': 'off' })).toEqual({
      'ledger-verify': '0 3 * * *',
      'store-usage': 'off',
    });
    for (const text of ['', 'hourly', '61 * * * *', '0 0 31 2 *', '* * *']) {
      expect(jobsConfigSchema.safeParse({ 'ledger-verify': text }).success).toBe(false);
    }
    expect(jobsConfigSchema.safeParse({ unknown: '* * * * *' }).success).toBe(false);
  });
});
