import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockPrefix } from '../../../gateway/coordination/index.ts';
import { eventually } from '../../support/eventually.ts';
import { CliSite } from './site.ts';

let site: CliSite;
beforeAll(async () => {
  site = await CliSite.start();
});
afterAll(() => site?.stop());

const keysOf = async (name: string) => {
  const { coordinator } = await site.gateways.raft.leader();
  return (await coordinator.range({ prefix: lockPrefix(name) })).keyValues;
};

describe('lattice lock', () => {
  it('ends with the exit code of the command, which knows the lock and its token', async () => {
    const first = await site.run(
      'lock backup',
      '--',
      'sh',
      '-c',
      'echo $LATTICE_LOCK_NAME $LATTICE_FENCING_TOKEN; exit 7',
    );
    expect(first.stdout).toMatch(/^backup \d+\n$/);
    expect(first.code).toBe(7);
    expect(await keysOf('backup')).toEqual([]);
    const second = await site.run('lock backup', '--', 'sh', '-c', 'echo $LATTICE_LOCK_NAME $LATTICE_FENCING_TOKEN');
    const token = (text: string) => Number(text.split(' ')[1]);
    expect(token(second.stdout)).toBeGreaterThan(token(first.stdout));
  }, 60_000);

  it('keeps its lock when the leader dies, and others out', async () => {
    const holder = site.begin('lock shared', '--', 'sh', '-c', 'echo held; sleep 8; echo done');
    await eventually(() => expect(holder.stdout).toBe('held\n'), 15_000);
    const killed = await site.killLeader();
    const other = await site.run('lock shared --timeout-s 2', '--', 'echo', 'never');
    expect(other.stderr).toMatch(/^LOCK_TIMEOUT: /);
    expect(other.stdout).toBe('');
    expect(other.code).toBe(1);
    expect(await holder.ended).toBe(0);
    expect(holder.stdout).toBe('held\ndone\n');
    expect(await site.run('lock shared --timeout-s 10', '--', 'echo', 'next')).toMatchObject({
      code: 0,
      stdout: 'next\n',
    });
    await site.gateways.startAgain(killed);
  }, 60_000);

  it('ends the command when the lock is lost, and says so', async () => {
    const holder = site.begin(
      'lock lost',
      '--',
      'sh',
      '-c',
      'trap "echo told; exit 0" TERM; echo held; while :; do sleep 0.1; done',
    );
    await eventually(() => expect(holder.stdout).toBe('held\n'), 15_000);
    const { coordinator } = await site.gateways.raft.leader();
    await coordinator.delete({ prefix: lockPrefix('lost') });
    expect(await holder.ended).toBe(5);
    expect(holder.stdout).toBe('held\ntold\n');
    expect(holder.stderr).toMatch(/^LOCK_LOST: /);
  }, 60_000);

  it('passes an interrupt on, and releases', async () => {
    const holder = site.begin(
      'lock told',
      '--',
      'sh',
      '-c',
      'trap "exit 9" INT; echo held; while :; do sleep 0.1; done',
    );
    await eventually(() => expect(holder.stdout).toBe('held\n'), 15_000);
    holder.kill('SIGINT');
    expect(await holder.ended).toBe(9);
    expect(await keysOf('told')).toEqual([]);
  }, 60_000);

  it('names a command that is not there', async () => {
    const { code, stderr } = await site.run('lock none', '--', '/no/such/command');
    expect(stderr).toContain('/no/such/command cannot be run');
    expect(code).toBe(2);
    expect(await keysOf('none')).toEqual([]);
  }, 30_000);
});
