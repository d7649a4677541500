import { expect, it, vi } from 'vitest';
import { runShim, shimConfigSchema } from '../../firmware-shim/index.ts';

const faultsOf = (input: object): string[] =>
  shimConfigSchema.safeParse({ dataDir: '/data', ...input }).error?.issues.map(({ message }) => message) ?? [];

it.each([
  [{ username: 'ann' }, 'a user name needs a password'],
  [{ password: 'secret' }, 'a password needs a user name'],
  [
    { username: 'ann', siteKey: 'key' },
    'with the site key the device logs in under its own name; leave the user name out',
  ],
  [{ brokers: ['mqtt://host:99999'] }, 'there is no such host or port (at most 65535)'],
  [{ time: { mode: 'udp' }, siteKey: 'key' }, 'time over UDP needs a server'],
  [{ time: { mode: 'udp', servers: ['h:1'] } }, 'time over UDP needs the site key or a password'],
  [{ time: { servers: ['h:1'] } }, 'servers are for the mode udp'],
  [{ time: { mode: 'udp', servers: ['h'] }, siteKey: 'key' }, 'must be host:port or [address]:port'],
])('a configuration with %j is refused', (input, message) => {
  expect(faultsOf(input)).toEqual([message]);
});

it('a user name with its password, the site key alone and neither are well', () => {
  expect([{ username: 'ann', password: 'secret' }, { siteKey: 'key' }, {}].map(faultsOf)).toEqual([[], [], []]);
});

it('says that it found no sensor when it is to print one reading', async () => {
  const [out, error] = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation(() => true),
  );
  try {
    expect(await runShim({ once: true, sysfsRoot: '/nowhere' })).toBe(1);
    expect(error?.mock.calls.join('')).toContain('No sensor was found under /nowhere');
  } finally {
    out?.mockRestore();
    error?.mockRestore();
  }
});
