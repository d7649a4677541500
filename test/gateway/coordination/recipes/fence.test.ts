import { describe, expect, test } from 'vitest';
import { codeOf, LatticeError } from '../../../../core/errors/index.ts';
import { Fence, type TokenStore } from '../../../../gateway/coordination/index.ts';

class Disk implements TokenStore {
  token = 0;
  log: string[] = [];
  isBroken = false;

  async load(): Promise<number> {
    return this.token;
  }

  async save(token: number): Promise<void> {
    if (this.isBroken) throw new LatticeError('DISK_FULL', 'no room');
    this.log.push(`save ${token}`);
    this.token = token;
  }

  deed(name: string): () => Promise<string> {
    return async () => {
      this.log.push(name);
      return name;
    };
  }
}

const code = (call: Promise<unknown>) => call.then(() => 'done', codeOf);

describe('fence', () => {
  test('refuses a token that is older than any it has seen', async () => {
    const disk = new Disk();
    const fence = await Fence.open(disk);
    expect(await fence.run(5, disk.deed('five'))).toBe('five');
    expect(await code(fence.run(4, disk.deed('four')))).toBe('FENCED');
    expect(await fence.run(5, disk.deed('five again'))).toBe('five again');
    expect(await fence.run(7, disk.deed('seven'))).toBe('seven');
    expect(await code(fence.run(5, disk.deed('late')))).toBe('FENCED');
    expect(disk.log).toEqual(['save 5', 'five', 'five again', 'save 7', 'seven']);
    expect(fence.refused).toBe(2);
  });

  test('remembers after a restart', async () => {
    const disk = new Disk();
    await (await Fence.open(disk)).run(5, disk.deed('five'));
    const fence = await Fence.open(disk);
    expect(fence.highestToken).toBe(5);
    expect(await code(fence.run(4, disk.deed('four')))).toBe('FENCED');
  });

  test('does nothing under a token that it could not save', async () => {
    const disk = new Disk();
    const fence = await Fence.open(disk);
    disk.isBroken = true;
    expect(await code(fence.run(5, disk.deed('five')))).toBe('DISK_FULL');
    expect(fence.highestToken).toBe(0);
    disk.isBroken = false;
    expect(await fence.run(5, disk.deed('five'))).toBe('five');
  });

  test('no deed of an older holder is under way when one of a newer begins', async () => {
    const disk = new Disk();
    const fence = await Fence.open(disk);
    const slow = Promise.withResolvers<void>();
    const old = fence.run(1, async () => {
      await slow.promise;
      disk.log.push('old is done');
    });
    const newer = fence.run(2, disk.deed('new'));
    const late = code(fence.run(1, disk.deed('late')));
    slow.resolve();
    await Promise.all([old, newer]);
    expect(await late).toBe('FENCED');
    expect(disk.log).toEqual(['save 1', 'old is done', 'save 2', 'new']);
  });

  test('a deed that fails holds up nobody', async () => {
    const disk = new Disk();
    const fence = await Fence.open(disk);
    const failed = fence.run(1, () => Promise.reject(new LatticeError('STORE_UNREACHABLE', 'away')));
    const next = fence.run(1, disk.deed('next'));
    expect(await code(failed)).toBe('STORE_UNREACHABLE');
    expect(await next).toBe('next');
  });

  test('turns deeds away when too many wait', async () => {
    const disk = new Disk();
    const fence = await Fence.open(disk, { waitingMax: 2 });
    const slow = Promise.withResolvers<void>();
    const first = fence.run(1, () => slow.promise);
    // The first has begun, and waits no more.
    await new Promise((resolve) => setImmediate(resolve));
    const waiting = [fence.run(1, disk.deed('a')), fence.run(1, disk.deed('b'))];
    expect(await code(fence.run(1, disk.deed('c')))).toBe('COORDINATION_REJECTED');
    expect(fence.refused).toBe(1);
    slow.resolve();
    await Promise.all([first, ...waiting]);
    expect(disk.log).toEqual(['save 1', 'a', 'b']);
  });
});
