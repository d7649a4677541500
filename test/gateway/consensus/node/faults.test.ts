import { afterEach, describe, expect, test } from 'vitest';
import { type LogFs, nodeLogFs } from '../../../../core/log/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { RaftSite, type SiteMember } from '../../../support/raft-site.ts';

let site: RaftSite;
afterEach(() => site?.stop());

const others = (member: SiteMember): SiteMember[] => site.all.filter((each) => each !== member);
const termOf = ({ group }: SiteMember): number => group.status?.term ?? 0;
const pause = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs));

/** The real disk, which has no room while the switch says so. */
function fullDisk(): { fs: LogFs; isFull: boolean } {
  const disk = { fs: nodeLogFs, isFull: false };
  disk.fs = {
    ...nodeLogFs,
    open: async (path, mode) => {
      const file = await nodeLogFs.open(path, mode);
      const refuse = (): void => {
        if (disk.isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      };
      return {
        size: () => file.size(),
        pread: (buffer, offset) => file.pread(buffer, offset),
        datasync: () => file.datasync(),
        close: () => file.close(),
        truncate: (bytes) => file.truncate(bytes),
        writev: async (buffers, offset) => {
          refuse();
          await file.writev(buffers, offset);
        },
      };
    },
  };
  return disk;
}

test('a leader whose disk is full leaves the lead to another, and catches up when there is room', async () => {
  const disks = new Map<string, ReturnType<typeof fullDisk>>();
  site = await RaftSite.start(3, {
    fsOf: (name) => {
      const disk = fullDisk();
      disks.set(name, disk);
      return disk.fs;
    },
  });
  const leader = await site.leader();
  await leader.coordinator.put('a', '1');
  const disk = disks.get(leader.name) as ReturnType<typeof fullDisk>;
  disk.isFull = true;
  const [one] = others(leader) as [SiteMember];
  await one.coordinator.put('a', '2');
  await eventually(() => expect(others(leader).some(({ group }) => group.status?.role === 'StateLeader')).toBe(true));
  await one.coordinator.put('a', '3');
  disk.isFull = false;
  await eventually(async () => {
    expect((await leader.coordinator.get('a', { consistency: 'serializable' }))?.value).toBe('3');
  });
});

describe('five gateways in a partial partition', () => {
  test('where one reaches the leader alone keep their leader', async () => {
    site = await RaftSite.start(5);
    const leader = await site.leader();
    await leader.coordinator.put('a', '1');
    const term = termOf(leader);
    const [lonely, ...rest] = others(leader) as [SiteMember, ...SiteMember[]];
    for (const other of rest) site.cut(lonely.name, other.name);
    for (let n = 0; n < 20; n++) {
      await leader.coordinator.put('a', String(n));
      await pause(100);
    }
    expect(termOf(leader)).toBe(term);
    expect(leader.group.status?.role).toBe('StateLeader');
  });

  test('where one reaches all but the leader do not change it again and again', async () => {
    site = await RaftSite.start(5);
    const leader = await site.leader();
    await leader.coordinator.put('a', '1');
    const term = termOf(leader);
    const [shut, writer] = others(leader) as [SiteMember, SiteMember];
    site.cut(shut.name, leader.name);
    await pause(1_500);
    const settled = termOf(writer);
    expect(settled - term).toBeLessThanOrEqual(2);
    for (let n = 0; n < 20; n++) {
      await writer.coordinator.put('a', String(n));
      await pause(100);
    }
    expect(termOf(writer)).toBe(settled);
  });

  test('where the leader reaches one other alone elect another within two terms', async () => {
    site = await RaftSite.start(5);
    const leader = await site.leader();
    await leader.coordinator.put('a', '1');
    const term = termOf(leader);
    const [bridge, ...rest] = others(leader) as [SiteMember, ...SiteMember[]];
    for (const other of rest) site.cut(leader.name, other.name);
    await bridge.coordinator.put('a', '2', { timeoutMs: 10_000 });
    await eventually(() => expect(rest.some(({ group }) => group.status?.leader !== leader.name)).toBe(true));
    const settled = Math.max(...rest.map(termOf));
    expect(settled - term).toBeLessThanOrEqual(2);
    for (let n = 0; n < 20; n++) {
      await bridge.coordinator.put('a', String(n));
      await pause(100);
    }
    expect(Math.max(...rest.map(termOf))).toBe(settled);
  });
});
