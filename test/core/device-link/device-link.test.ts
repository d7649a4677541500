import { connectAsync } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { DeviceLink, type DeviceLinkEvents } from '../../../core/device-link/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { BROKERS_TOPIC, type TopicKind } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { PlainBroker } from '../../support/plain-broker.ts';

describe("a device's link", () => {
  const brokers: PlainBroker[] = [];
  let link: DeviceLink | undefined;
  const said: string[] = [];

  const open = (urls: string[], hears: TopicKind[] = []): DeviceLink => {
    const events: DeviceLinkEvents = {
      up: (broker) => said.push(`up ${broker}`),
      down: (error) => said.push(`down ${error.code}`),
      refused: (error) => said.push(`refused ${error.code}`),
      heard: (kind, payload) => said.push(`heard ${kind} ${Buffer.from(payload)}`),
    };
    link = new DeviceLink({
      site: 'home',
      device: 'd',
      meta: { name: 'd', manufacturer: 'm', model: 'm', source: 'simulated' },
      brokers: urls,
      ownBroker: 0,
      hears,
      clock: systemClock,
      random: seededRandom(1),
      events,
    });
    link.start();
    return link;
  };
  const broker = async (): Promise<PlainBroker> => {
    const started = await new PlainBroker().start();
    brokers.push(started);
    return started;
  };

  afterEach(async () => {
    await link?.stop();
    await Promise.all(brokers.splice(0).map((one) => one.kill()));
    said.length = 0;
  });

  it('goes on to the next broker when one refuses or dies', async () => {
    const [first, second] = [await broker(), await broker()];
    const dead = await broker();
    await dead.kill();
    open([dead.url, first.url, second.url]);
    await eventually(() => expect(said).toEqual(['refused UNREACHABLE', `up ${first.url}`]));
    await first.kill();
    await eventually(() => expect(said.slice(2)).toEqual(['down UNREACHABLE', `up ${second.url}`]));
  });

  it('hears the kinds that it wants of its own topics, at each broker that it comes to', async () => {
    const [first, second] = [await broker(), await broker()];
    open([first.url, second.url], ['now', 'cmd']);
    for (const at of [first, second]) {
      await eventually(() => expect(said).toContain(`up ${at.url}`));
      await at.say('mesh/v1/home/e/now', 'of another');
      await at.say('mesh/v1/home/d/meta', '{}');
      await at.say('mesh/v1/home/d/now', at.url);
      await eventually(() => expect(said).toContain(`heard now ${at.url}`));
      await at.kill();
    }
    expect(said.filter((it) => it.startsWith('heard'))).toHaveLength(2);
  });

  it('goes on to the next broker when an address cannot be', async () => {
    const good = await broker();
    open(['mqtt://127.0.0.1:99999', good.url]);
    await eventually(() => expect(said).toEqual(['refused UNREACHABLE', `up ${good.url}`]));
  });

  it('takes back an `offline` that arrives after it moved to another broker', async () => {
    const [first, second] = [await broker(), await broker()];
    open([first.url, second.url]);
    await eventually(() => expect(said).toHaveLength(1));
    await first.kill();
    await eventually(() => expect(said).toContain(`up ${second.url}`));
    await eventually(() => expect(second.received.at(-1)).toMatchObject({ kind: 'availability', payload: 'online' }));
    // The will of the broker that died, coming over a link late.
    const late = await connectAsync(second.url, { protocolVersion: 4 });
    await late.publishAsync('mesh/v1/home/d/availability', 'offline', { qos: 1, retain: true });
    await eventually(() =>
      expect(second.received.slice(-2).map(({ payload }) => payload)).toEqual(['offline', 'online']),
    );
    await late.endAsync();
  });

  it('leaves a broker that drains: takes nothing more, awaits its PUBACKs, and goes without a will', async () => {
    const [first, second] = [await broker(), await broker()];
    const own = open([first.url, second.url]);
    await eventually(() => expect(own.isUp).toBe(true));
    const release = first.hold();
    let acknowledged = 0;
    for (let seq = 1; seq <= 3; seq++)
      own.publish('state', `{"seq":${seq},"boot":"b","x":1}`, { qos: 1 }, () => acknowledged++);
    await first.say(BROKERS_TOPIC, drainingList(second.url));
    await eventually(() => expect(own.isUp).toBe(false));
    expect(own.publish('state', '{"seq":4,"boot":"b","x":1}', { qos: 1 })).toBe(false);
    expect(said).toEqual([`up ${first.url}`]);
    release();
    await eventually(() => expect(said).toEqual([`up ${first.url}`, 'down CLIENT_MOVED', `up ${second.url}`]));
    expect(acknowledged).toBe(3);
    expect(first.received.filter(({ payload }) => payload === 'offline')).toEqual([]);
  });

  it('that is stopped while it leaves has its will said', async () => {
    const [first, second] = [await broker(), await broker()];
    const own = open([first.url, second.url]);
    await eventually(() => expect(own.isUp).toBe(true));
    const release = first.hold();
    own.publish('state', '{"seq":1,"boot":"b","x":1}', { qos: 1 });
    await first.say(BROKERS_TOPIC, drainingList(second.url));
    await eventually(() => expect(own.isUp).toBe(false));
    await own.stop();
    release();
    await eventually(() => expect(first.received.at(-1)).toMatchObject({ payload: 'offline' }));
    expect(said).toEqual([`up ${first.url}`]);
  });

  it('sends nothing without a connection, and calls back once for a PUBACK', async () => {
    const dead = await broker();
    await dead.kill();
    const down = open([dead.url]);
    expect(down.publish('state', '{}', { qos: 1 })).toBe(false);
    await down.stop();
    const only = await broker();
    const own = open([only.url]);
    await eventually(() => expect(own.isUp).toBe(true));
    let acknowledged = 0;
    expect(own.publish('state', '{"x":1}', { qos: 1 }, () => acknowledged++)).toBe(true);
    await eventually(() => expect(acknowledged).toBe(1));
    await own.stop();
    await own.stop();
    expect(own.isUp).toBe(false);
    // It left with a DISCONNECT: one offline, and no will after it.
    expect(only.received.filter(({ payload }) => payload === 'offline')).toHaveLength(1);
  });
});

/** What a broker that drains says of itself and another. */
function drainingList(other: string): string {
  const entry = { weight: 1, atMs: 0 };
  return JSON.stringify([
    { ...entry, id: 'a', urls: [], isDraining: true, isSelf: true },
    { ...entry, id: 'b', urls: [other], isDraining: false, isSelf: false },
  ]);
}
