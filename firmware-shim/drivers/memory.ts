import type { Driver } from './driver.ts';

/** Memory in use, %: what is not MemAvailable, the kernel's own estimate. proc(5), /proc/meminfo. */
export const readMemory: Driver = async (fs) => {
  const text = await fs.read('proc/meminfo');
  const kibOf = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text ?? '')?.[1]);
  const used = 1 - kibOf('MemAvailable') / kibOf('MemTotal');
  return Number.isFinite(used) ? [{ sensor: 'proc/meminfo', metric: 'memory_used', value: 100 * used }] : [];
};
