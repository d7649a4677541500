import { describe, expect, it } from 'vitest';
import { cpuMs, cpuMsOf, machineBusyMsOf, residentBytes } from './proc.ts';

describe('proc', () => {
  it('reads the processor time behind a name that looks like fields', () => {
    const stat = '4711 (a) b (c d) S 1 2 3 4 5 6 7 8 9 10 120 34 5 6 20 0 1 0 99';
    expect(cpuMsOf(stat)).toBe(1_540);
  });

  it('leaves idle time and waiting for the disk out of what the machine was busy with', () => {
    const stat = 'cpu  100 20 30 9000 800 7 5 3 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n';
    expect(machineBusyMsOf(stat)).toBe(1_650);
  });

  it.runIf(process.platform === 'linux')('agrees with what Node says of this process', () => {
    const { user, system } = process.cpuUsage();
    expect(Math.abs(cpuMs(process.pid) - (user + system) / 1_000)).toBeLessThan(200);
    const { rss } = process.memoryUsage();
    expect(residentBytes(process.pid) / rss).toBeGreaterThan(0.8);
    expect(residentBytes(process.pid) / rss).toBeLessThan(1.25);
  });
});
