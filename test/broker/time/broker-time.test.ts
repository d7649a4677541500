import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { brokerConfigSchema } from '../../../broker/config.ts';
import { BrokerTime } from '../../../broker/time/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { UdpAnswers } from '../../../gateway/clock/devices/index.ts';
import { eventually } from '../../support/eventually.ts';

const SITE_KEY = 'a site key of some length';
const MESH_MS = 1_000_000_000_000;
let answers: UdpAnswers;
let time: BrokerTime | undefined;

beforeEach(async () => {
  answers = new UdpAnswers({
    ...{ name: 'gateway-1', siteKey: SITE_KEY, listen: { host: '127.0.0.1', port: 0 }, clock: systemClock },
    meshAt: (monotonicMs) => ({ ms: MESH_MS + monotonicMs, uncertaintyMs: 0.5, kind: 'absolute' }),
  });
  await answers.start();
});
afterEach(async () => {
  time?.stop();
  await answers.stop();
});

const configOf = (input: object = {}) =>
  brokerConfigSchema.parse({
    ...{ id: 'broker-1', site: 'home', dataDir: '/data', listen: { port: 0 }, siteKey: SITE_KEY },
    ...input,
  });

it('a broker has the machine’s wall time until it is synchronised, and the mesh’s from then on', async () => {
  const config = configOf({ time: { servers: [`127.0.0.1:${answers.port}`] } });
  const log = pino({ level: 'silent' });
  time = new BrokerTime(config, { clock: systemClock, random: seededRandom(1), log });
  const { clock } = time;
  expect(Math.abs(clock.wallMs() - systemClock.wallMs())).toBeLessThan(1_000);
  expect(clock.uncertaintyMs()).toBe(Number.POSITIVE_INFINITY);
  time.start();
  await eventually(() => expect(clock.isSynchronised).toBe(true));
  expect(Math.abs(clock.wallMs() - MESH_MS - systemClock.monotonicMs())).toBeLessThan(clock.uncertaintyMs() + 1);
  time.stop();
  time.stop();
  const beforeMs = clock.wallMs();
  expect(clock.wallMs()).toBeGreaterThanOrEqual(beforeMs);
});

it('a broker without servers has no time of the mesh, and one with an empty list is a fault', () => {
  expect(configOf().time).toBeUndefined();
  expect(() => configOf({ time: { servers: [] } })).toThrow();
});
