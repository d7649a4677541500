import { describe, expect, it } from 'vitest';
import { LoginThrottle, networkOf } from '../../../core/identity/login-throttle.ts';
import { VirtualClock } from '../../../core/time/index.ts';

function setUp() {
  const clock = new VirtualClock();
  const throttle = new LoginThrottle(clock);
  const fail = (address: string, username: string, times: number): void => {
    for (let time = 0; time < times; time++) throttle.tried(address, username);
  };
  return { clock, throttle, fail };
}

describe('LoginThrottle', () => {
  it('makes a name wait after ten tries from an address, until the window of 30 s has passed', () => {
    const { clock, throttle, fail } = setUp();
    fail('10.0.0.1', 'operator', 9);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(0);
    clock.advance(10_000);
    fail('10.0.0.1', 'operator', 1);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(20_000);
    clock.advance(19_999);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(1);
    clock.advance(1);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(0);
    fail('10.0.0.1', 'operator', 9);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(0);
  });

  it('leaves other names of the address and the name at other addresses alone', () => {
    const { throttle, fail } = setUp();
    fail('10.0.0.1', 'misconfigured', 50);
    expect(throttle.waitMs('10.0.0.1', 'misconfigured')).toBe(30_000);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(0);
    expect(throttle.waitMs('10.0.0.2', 'misconfigured')).toBe(0);
  });

  it('makes every name wait when an address has tried a hundred times under any names', () => {
    const { throttle, fail } = setUp();
    for (let name = 0; name < 99; name++) fail('10.0.0.1', `name ${name}`, 1);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(0);
    fail('10.0.0.1', 'name 99', 1);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(30_000);
    expect(throttle.waitMs('10.0.0.2', 'operator')).toBe(0);
  });

  it('takes back what turned out to be right', () => {
    const { throttle, fail } = setUp();
    fail('10.0.0.1', 'operator', 9);
    const takeBack = throttle.tried('10.0.0.1', 'operator');
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(30_000);
    takeBack();
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(0);
  });

  it('forgets the oldest of ten thousand entries', () => {
    const { throttle, fail } = setUp();
    fail('10.0.0.1', 'operator', 10);
    for (let host = 0; host < 4_999; host++) fail(`host-${host}`, 'x', 1);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(30_000);
    fail('one-more', 'x', 1);
    expect(throttle.waitMs('10.0.0.1', 'operator')).toBe(0);
  });

  it('counts the addresses of one IPv6 network as one stranger', () => {
    const { throttle, fail } = setUp();
    for (let host = 1; host <= 10; host++) fail(`2001:db8:1:2::${host.toString(16)}`, 'operator', 1);
    expect(throttle.waitMs('2001:db8:1:2:ffff:ffff:ffff:ffff', 'operator')).toBe(30_000);
    expect(throttle.waitMs('2001:db8:1:3::1', 'operator')).toBe(0);
  });
});

describe('networkOf', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:0:1:2:3:4', '2001:db8:0:0::/64'],
    ['fe80::1:2%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
