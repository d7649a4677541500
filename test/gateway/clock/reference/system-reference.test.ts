import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { VirtualClock } from '../../../../core/time/index.ts';
import { type ReferenceSample, SystemReference } from '../../../../gateway/clock/reference/index.ts';
import { type CommandOutcome, runCommand } from '../../../../gateway/clock/reference/run-command.ts';
import { eventually } from '../../../support/eventually.ts';

const TRACKING = 'A29FC87B,10.0.0.1,3,1709727533.1,0.001,0.002,0.0,1.2,0.0,0.1,0.008,0.003,64.8,Normal\n';

function observe(run: (file: string) => CommandOutcome) {
  const clock = new VirtualClock(1_790_000_000_000);
  const warnings: { code: string; reason: string }[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(JSON.parse(line)) });
  const reference = new SystemReference({
    config: { pollMs: 16_000 },
    clock,
    log,
    run: async (file) => run(file),
  });
  const samples: ReferenceSample[] = [];
  const unsubscribe = reference.onSample((sample) => samples.push(sample));
  return { clock, reference, samples, unsubscribe, warnings };
}

describe('the system’s clock', () => {
  it('is told at the start and at each poll, with the uncertainty of chrony and of the reading', async () => {
    const { clock, reference, samples, unsubscribe } = observe(() => ({ stdout: TRACKING }));
    await reference.start();
    await reference.start();
    await eventually(() => expect(samples).toHaveLength(1));
    expect(samples[0]).toEqual({
      atMonotonicMs: 0,
      utcMs: 1_790_000_000_000.5,
      uncertaintyMs: expect.closeTo(3 + 4 + 1 + 2 + 0.5, 9),
      source: 'system: chrony 10.0.0.1',
    });
    clock.advance(16_000);
    await eventually(() => expect(samples).toHaveLength(2));
    expect(reference.state()).toEqual({
      kind: 'system',
      lastSample: samples[1],
      stratum: 3,
      servers: [],
      rejected: {},
    });
    unsubscribe();
    await eventually(() => expect(clock.nextDueMs()).toBe(32_000));
    clock.advance(16_000);
    await eventually(() => expect(reference.state().lastSample?.atMonotonicMs).toBe(32_000));
    expect(samples).toHaveLength(2);
    await reference.stop();
    await reference.stop();
    await eventually(() => expect(clock.nextDueMs()).toBeUndefined());
  });

  it('is none where neither chrony nor systemd is there; said once, and again when it is found and lost', async () => {
    let tracking: CommandOutcome = { failed: 'chronyc is not installed' };
    const { clock, reference, samples, warnings } = observe((file) =>
      file === 'chronyc' ? tracking : { failed: `${file} is not installed` },
    );
    const poll = async (dueMs: number): Promise<void> => {
      await eventually(() => expect(clock.nextDueMs()).toBe(dueMs));
      clock.advance(16_000);
    };
    await reference.start();
    await poll(16_000);
    await poll(32_000);
    await eventually(() => expect(clock.nextDueMs()).toBe(48_000));
    const detail = 'chronyc is not installed; timedatectl is not installed.';
    expect(reference.state().fault).toEqual({ code: 'TIME_SYSTEM_UNSYNCHRONISED', detail });
    expect(warnings).toHaveLength(1);
    tracking = { stdout: TRACKING };
    await poll(48_000);
    await eventually(() => expect(samples).toHaveLength(1));
    expect(reference.state()).not.toHaveProperty('fault');
    tracking = { stdout: TRACKING.replace('Normal', 'Not synchronised') };
    await poll(64_000);
    await eventually(() => expect(reference.state().fault?.detail).toBe('chronyd is not synchronised.'));
    expect(reference.state()).not.toHaveProperty('stratum');
    expect(samples).toHaveLength(1);
    expect(warnings).toHaveLength(2);
    await reference.stop();
  });

  it('that was asked for when the reference was stopped is not told', async () => {
    let answer: (outcome: CommandOutcome) => void = () => {};
    const samples: ReferenceSample[] = [];
    const reference = new SystemReference({
      config: { pollMs: 16_000 },
      clock: new VirtualClock(),
      log: pino({ level: 'silent' }),
      run: () => new Promise((done) => (answer = done)),
    });
    reference.onSample((sample) => samples.push(sample));
    await reference.start();
    await reference.stop();
    answer({ stdout: TRACKING });
    await new Promise((done) => setImmediate(done));
    expect(samples).toEqual([]);
  });
});

describe('a program of the system', () => {
  async function program(script: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'lattice-command-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'program');
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
    return file;
  }

  it('gives what it prints, in the C locale', async () => {
    expect(await runCommand(await program('echo "$LC_ALL $1"'), ['x'])).toEqual({ stdout: 'C x\n' });
  });

  it.each([
    ['exit 3', /Command failed/],
    ['echo "506 Cannot talk to daemon"; exit 1', /says: 506 Cannot talk to daemon$/],
    ['echo first >&2; echo last >&2; exit 1', /says: last$/],
    ['kill -KILL $$', /says: Command failed/],
    ['yes | head -c 100000', /maxBuffer/],
  ])('that does `%s` has failed', async (script, reason) => {
    expect(await runCommand(await program(script), [])).toHaveProperty('failed', expect.stringMatching(reason));
  });

  it('that is not there is named', async () => {
    expect(await runCommand('lattice-no-such-program', [])).toEqual({
      failed: 'lattice-no-such-program is not installed',
    });
  });

  it('that hangs is killed', async () => {
    const outcome = await runCommand(await program('exec sleep 60'), []);
    expect(outcome).toHaveProperty('failed', expect.stringMatching(/did not end within 5 s$/));
  });
});
