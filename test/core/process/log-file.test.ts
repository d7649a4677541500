import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFile } from '../../../core/process/log-file.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-log-file-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('LogFile', () => {
  it('goes on after a failure, at most one try every 10 s', async () => {
    const clock = new VirtualClock();
    const path = join(directory, 'logs', 'it.log');
    // There is no such folder, so that the first try fails.
    const log = new LogFile(path, clock);
    await new Promise((resolve) => setTimeout(resolve, 50));
    mkdirSync(join(directory, 'logs'));
    log.write(Buffer.from('too early\n'));
    clock.advance(9_999);
    log.write(Buffer.from('still too early\n'));
    clock.advance(1);
    log.write(Buffer.from('written\n'));
    await eventually(() => expect(readFileSync(path, 'utf8')).toBe('written\n'));
    await log.close();
  });

  it('can be closed after a failure', async () => {
    const log = new LogFile(join(directory, 'logs', 'it.log'));
    log.write(Buffer.from('x'));
    await log.close();
    await log.close();
  });

  it('is moved aside at 10 MiB', async () => {
    const path = join(directory, 'it.log');
    const log = new LogFile(path);
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    log.write(chunk);
    await eventually(() => expect(readFileSync(path).length).toBe(chunk.length));
    for (let n = 1; n < 10; n++) log.write(chunk);
    log.write(Buffer.from('new'));
    await log.close();
    await eventually(() => expect(readFileSync(`${path}.1`).length).toBe(10 * chunk.length));
    expect(readFileSync(path, 'utf8')).toBe('new');
  });
});
