import type { Driver } from './driver.ts';

/** Disk in use, %, of the file system that holds the root: used / (used + available), as df says. statfs(2). */
export const readDisk: Driver = async (fs) => {
  const space = await fs.space('.');
  if (space === undefined) return [];
  const { usedBytes, availableBytes } = space;
  if (usedBytes + availableBytes === 0) return [];
  return [{ sensor: 'statfs', metric: 'disk_used', value: (100 * usedBytes) / (usedBytes + availableBytes) }];
};
