import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../core/time/index.ts';
import type { CommandOutcome } from '../../../../gateway/clock/reference/run-command.ts';
import { askTimesyncd, parseTimesyncStatus } from '../../../../gateway/clock/reference/timesyncd.ts';

/** As systemd 252 prints it. */
const STATUS = `       Server: 104.131.155.175 (0.north-america.pool.ntp.org)
Poll interval: 1min 4s (min: 32s; max 34min 8s)
         Leap: normal
      Version: 4
      Stratum: 2
    Reference: 408E7A25
    Precision: 0 (-30)
Root distance: 8.322ms (max: 5s)
       Offset: +4.077ms
        Delay: 24.042ms
       Jitter: 0
 Packet count: 1
    Frequency: +20.986ppm
`;

function commands(answers: { shown?: CommandOutcome; touched?: CommandOutcome; status?: CommandOutcome }) {
  const { shown = { stdout: 'yes\n' }, touched = { stdout: '1700000000\n' }, status = { stdout: STATUS } } = answers;
  return async (file: string, args: readonly string[]) => {
    if (file === 'stat') return touched;
    return args[0] === 'show' ? shown : status;
  };
}

describe('timesyncd', () => {
  it('is wrong by the offset, half the delay, the server’s distance, and the drift since', () => {
    const discipline = parseTimesyncStatus(STATUS, 60_000);
    expect(discipline).toMatchObject({
      source: 'timesyncd 104.131.155.175 (0.north-america.pool.ntp.org)',
      stratum: 3,
      uncertaintyMs: expect.closeTo(4.077 + 12.021 + 8.322 + 6, 9),
    });
  });

  it.each([
    ['0', 0],
    ['-612us', 0.612],
    ['+1.5ms', 1.5],
    ['-2.000250s', 2_000.25],
    ['+1min 4s', 64_000],
    ['+2h 1min', 7_260_000],
  ])('reads an offset of %s', (offset, ms) => {
    const discipline = parseTimesyncStatus(STATUS.replace('+4.077ms', offset), 0);
    expect(discipline).toHaveProperty('uncertaintyMs', expect.closeTo(ms + 12.021 + 8.322, 9));
  });

  it.each([
    ['there was no answer', 'Server: (null) (a.b)\nPacket count: 0\n', /no answer/],
    ['the server is not synchronised', STATUS.replace('normal', 'not synchronized'), /server is not synchronised/],
    ['the offset is missing', STATUS.replace('Offset', 'Other'), /lacks/],
    ['the delay is of no known unit', STATUS.replace('24.042ms', '24 parsecs'), /lacks/],
    ['there is nothing', '', /lacks/],
  ])('is no reference when %s', (_, text, reason) => {
    expect(parseTimesyncStatus(text, 0)).toHaveProperty('refused', expect.stringMatching(reason));
  });

  it('drifts from when it last set the clock', async () => {
    const clock = new VirtualClock(1_700_000_000_000);
    clock.advance(3_600_000);
    const discipline = await askTimesyncd(commands({}), clock);
    expect(discipline).toHaveProperty('uncertaintyMs', expect.closeTo(4.077 + 12.021 + 8.322 + 360, 6));
  });

  it('has nothing to say when systemd holds the clock for unsynchronised', async () => {
    const answer = await askTimesyncd(commands({ shown: { stdout: 'no\n' } }), new VirtualClock());
    expect(answer).toHaveProperty('refused');
  });

  it.each([
    { status: { failed: 'timedatectl says: Command requires systemd-timesyncd.service' } },
    { touched: { failed: 'stat says: No such file' } },
  ])('states the kernel’s 16 s when it is not known what set the clock, or when: %o', async (answers) => {
    const discipline = await askTimesyncd(commands(answers), new VirtualClock());
    expect(discipline).toEqual({ source: 'kernel, synchronised', stratum: undefined, uncertaintyMs: 16_000 });
  });

  it('is unavailable without systemd', async () => {
    const answer = await askTimesyncd(
      commands({ shown: { failed: 'timedatectl is not installed' } }),
      new VirtualClock(),
    );
    expect(answer).toEqual({ unavailable: 'timedatectl is not installed' });
  });
});
