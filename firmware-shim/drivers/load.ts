import type { Driver } from './driver.ts';

/** Load averages over 1 and 5 minutes. proc(5), /proc/loadavg. */
export const readLoad: Driver = async (fs) => {
  const [one, five] = ((await fs.read('proc/loadavg')) ?? '').split(/\s+/).map(Number);
  if (one === undefined || five === undefined || !Number.isFinite(one) || !Number.isFinite(five)) return [];
  return [
    { sensor: 'proc/loadavg#1', metric: 'load1', value: one },
    { sensor: 'proc/loadavg#5', metric: 'load5', value: five },
  ];
};
