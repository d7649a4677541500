import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Supervised } from '../../../core/process/index.ts';
import { eventually } from '../../support/eventually.ts';
import { isRunning } from '../../support/mesh.ts';

const HOST = new URL('../../../core/process/index.ts', import.meta.url).href;

let directory: string;
let supervised: Supervised;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-supervised-'));
});
afterEach(async () => {
  await supervised.stop(1_000);
  rmSync(directory, { recursive: true, force: true });
});

/** A real child process whose service does what the body says. */
function child(body: string, options: { execPath?: string } = {}): Supervised {
  const entry = join(directory, 'entry.ts');
  writeFileSync(entry, `import { hostService } from '${HOST}';\n${body}`);
  return new Supervised({ name: 'it', args: [], entry, logPath: join(directory, 'it.log'), ...options });
}

const WELL = `
const alive = setInterval(() => {}, 1000);
console.log('hello');
process.exitCode = await hostService(async () => ({ detail: { answer: 42 }, stop: async () => clearInterval(alive) }));
process.disconnect?.();
`;

describe('Supervised', () => {
  it('tells what the process said when it was ready, and keeps what it printed', async () => {
    supervised = child(WELL);
    expect(await supervised.start()).toEqual({ answer: 42 });
    await eventually(() => expect(readFileSync(join(directory, 'it.log'), 'utf8')).toContain('hello'));
  });

  it('starts a process again that was killed', async () => {
    supervised = child(WELL);
    await supervised.start();
    const { pid } = supervised;
    const reasons: string[] = [];
    supervised.on('restarting', (reason) => reasons.push(reason));
    const readyAgain = new Promise((resolve) => supervised.once('ready', resolve));
    process.kill(pid as number, 'SIGKILL');
    await readyAgain;
    expect(supervised.pid).not.toBe(pid);
    expect(reasons).toEqual(['ended by SIGKILL']);
  });

  it('hands on the coded error of a process that cannot start', async () => {
    const errors = new URL('../../../core/errors/index.ts', import.meta.url).href;
    supervised = child(
      `import { LatticeError } from '${errors}';\nawait hostService(async () => { throw new LatticeError('PORT_TAKEN', 'Port 1 is taken.'); });`,
    );
    await expect(supervised.start()).rejects.toMatchObject({ code: 'PORT_TAKEN', message: 'it: Port 1 is taken.' });
  });

  it('stops a process in order, and one that does not end by force', async () => {
    supervised = child(WELL);
    await supervised.start();
    const { pid } = supervised;
    await supervised.stop(5_000);
    expect(isRunning(pid as number)).toBe(false);

    supervised = child(
      `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);\nprocess.send?.({ type: 'ready', detail: {} });`,
    );
    await supervised.start();
    const stubborn = supervised.pid as number;
    await supervised.stop(200);
    expect(isRunning(stubborn)).toBe(false);
  });

  it('keeps trying when it cannot be started again, and can be stopped meanwhile', async () => {
    const execPath = join(directory, 'node');
    symlinkSync(process.execPath, execPath);
    supervised = child(WELL, { execPath });
    await supervised.start();
    const reasons: string[] = [];
    supervised.on('restarting', (reason) => reasons.push(reason));
    rmSync(execPath);
    process.kill(supervised.pid as number, 'SIGKILL');
    await eventually(() => expect(reasons).toEqual(['ended by SIGKILL', expect.stringMatching(/started.*ENOENT/)]));
    expect(supervised.pid).toBeUndefined();
    const readyAgain = new Promise((resolve) => supervised.once('ready', resolve));
    symlinkSync(process.execPath, execPath);
    await readyAgain;

    rmSync(execPath);
    process.kill(supervised.pid as number, 'SIGKILL');
    await eventually(() => expect(supervised.pid).toBeUndefined());
    await supervised.stop(500);
    expect(supervised.pid).toBeUndefined();
  });

  it('tells why it cannot be started at all', async () => {
    supervised = child(WELL, { execPath: join(directory, 'no-node') });
    await expect(supervised.start()).rejects.toThrow(/could not be started.*ENOENT/);
    // Arguments that no system takes: here spawn throws.
    supervised = new Supervised({ name: 'it', args: ['x'.repeat(10_000_000)], entry: 'x', logPath: '/dev/null' });
    await expect(supervised.start()).rejects.toThrow(/could not be started.*E2BIG/);
  });
});
