import { readFileSync } from 'node:fs';

/** The kernel tells times in 1/100 s to every program, whatever it counts in itself (proc(5), sysconf(_SC_CLK_TCK)). */
const MS_PER_TICK = 10;
const PAGE_BYTES = 4096;

/** Processor time of the process so far, user and system, all of its threads, in ms. */
export function cpuMs(pid: number): number {
  return cpuMsOf(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

/** From the text of /proc/PID/stat; proc(5), fields 14 and 15. The name in field 2 may hold spaces and parentheses. */
export function cpuMsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
}

/** Time that all cores together were not idle since the machine started, in ms; proc(5), /proc/stat. */
export function machineBusyMs(): number {
  return machineBusyMsOf(readFileSync('/proc/stat', 'latin1'));
}

/** From the text of /proc/stat: user, nice, system, irq, softirq and steal of its first line; idle and iowait left out. */
export function machineBusyMsOf(stat: string): number {
  const [user, nice, system, , , irq, softirq, steal] = stat.slice(3, stat.indexOf('\n')).trim().split(' ').map(Number);
  return [user, nice, system, irq, softirq, steal].reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) * MS_PER_TICK;
}
