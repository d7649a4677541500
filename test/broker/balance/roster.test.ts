import { describe, expect, it } from 'vitest';
import { type HealthMessage, Roster } from '../../../broker/balance/roster.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { type BrokerHealth, brokerHealthSchema, HEALTH_INTERVAL_MS } from '../../../core/wire/index.ts';
import { brokerHealth } from '../../dashboards/support/mesh.ts';

function setUp() {
  const clock = new VirtualClock();
  const retained = new Map<string, Buffer>();
  const healths = function* (): Generator<HealthMessage> {
    for (const [topic, payload] of retained) yield { topic, payload };
  };
  const roster = new Roster({ clock, healths });
  const own = brokerHealth('b1', []);
  const say = (node: string, fields: Partial<BrokerHealth> = {}): void => {
    const health = brokerHealth(node, [], { atMs: clock.wallMs(), ...fields });
    retained.set(`mesh/v1/home/${node}/health`, Buffer.from(JSON.stringify(health)));
  };
  const ids = (): string[] => roster.list(own).map(({ id }) => id);
  return { clock, retained, roster, own, say, ids };
}

describe('the brokers of a site', () => {
  it('are those whose health is not older than three intervals, and the broker itself', () => {
    const { clock, say, ids, roster, own } = setUp();
    say('b1');
    say('b0', { weight: 0.4, isDraining: true, urls: ['mqtt://b0'] });
    say('b2');
    expect(ids()).toEqual(['b0', 'b1', 'b2']);
    expect(roster.list(own)[0]).toMatchObject({ weight: 0.4, isDraining: true, urls: ['mqtt://b0'], isSelf: false });
    expect(roster.list(own)[1]).toMatchObject({ id: 'b1', isSelf: true });
    for (let interval = 0; interval < 3; interval++) {
      clock.advance(HEALTH_INTERVAL_MS);
      say('b2');
      expect(ids()).toEqual(['b0', 'b1', 'b2']);
    }
    clock.advance(1);
    expect(ids()).toEqual(['b1', 'b2']);
    say('b0');
    expect(ids()).toEqual(['b0', 'b1', 'b2']);
  });

  it('leave out who is long gone when the broker starts, but not who has another idea of the time', () => {
    const { clock, say, ids } = setUp();
    say('dead', { atMs: clock.wallMs() - 60_000 });
    say('slow', { atMs: clock.wallMs() - 60_000 });
    expect(ids()).toEqual(['b1']);
    clock.advance(HEALTH_INTERVAL_MS);
    say('slow', { atMs: clock.wallMs() - 60_000 });
    expect(ids()).toEqual(['b1', 'slow']);
  });

  it('leave out what is no health, and the health of another', () => {
    const { retained, say, ids, clock } = setUp();
    retained.set('mesh/v1/home/b2/health', Buffer.from('nonsense'));
    retained.set(
      'mesh/v1/home/b3/health',
      Buffer.from(JSON.stringify(brokerHealth('b4', [], { atMs: clock.wallMs() }))),
    );
    retained.set('mesh/v1/home/g1/health', Buffer.from('{"kind":"gateway"}'));
    say('b5');
    expect(ids()).toEqual(['b1', 'b5']);
  });

  it('may be of a version that tells neither address nor weight', () => {
    const { urls: _urls, weight: _weight, isDraining: _isDraining, ...old } = brokerHealth('b2', []);
    expect(brokerHealthSchema.parse(old)).toMatchObject({ urls: [], weight: 1, isDraining: false });
  });
});
