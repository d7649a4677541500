import type { Driver } from './driver.ts';

/** Seconds since the machine started. proc(5), /proc/uptime. */
export const readUptime: Driver = async (fs) => {
  const value = Number.parseFloat((await fs.read('proc/uptime')) ?? '');
  return Number.isFinite(value) ? [{ sensor: 'proc/uptime', metric: 'uptime', value }] : [];
};
