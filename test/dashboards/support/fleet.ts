import { pino } from 'pino';
import { hashPassword } from '../../../core/identity/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { encodeReading, meshTopic, type Point, readingPoint } from '../../../core/wire/index.ts';
import { type ConsoleConfig, consoleConfigSchema, startConsole } from '../../../dashboards/console/index.ts';
import { SITE, SITE_KEY, type TestBroker, type TestGateway } from './mesh.ts';

export const ACCESS_TOKEN = 'token-of-the-login-link-0';
export const OPERATOR = { username: 'operator', password: 'operator-password' };

export interface TestConsole {
  url: string;
  stop(): Promise<void>;
}

/** A console on a port of its own, over whatever brokers, gateways and store there are. */
export async function startTestConsole(
  parts: { brokers: readonly TestBroker[]; gateways?: readonly TestGateway[]; storeUrl: string },
  more: Partial<ConsoleConfig> = {},
): Promise<TestConsole> {
  const config = consoleConfigSchema.parse({
    site: SITE,
    listen: { port: 0 },
    siteKey: SITE_KEY,
    accounts: [{ username: OPERATOR.username, passwordHash: await hashPassword(OPERATOR.password), role: 'operator' }],
    accessToken: ACCESS_TOKEN,
    brokers: parts.brokers.map(({ id, host, port }) => ({ id, host, port })),
    gateways: (parts.gateways ?? []).map(({ id, http }) => ({ id, http })),
    store: { url: parts.storeUrl, database: 'lattice' },
    ...more,
  });
  const service = await startConsole(config, { clock: systemClock, log: pino({ level: 'silent' }) });
  return { url: String(service.detail['url']), stop: () => service.stop() };
}

export interface TestDevice {
  id: string;
  name: string;
  area: string;
  source: 'simulated' | 'replay' | 'sensor';
  metricsAt(ms: number): Record<string, number | boolean>;
}

const AREAS = ['Kitchen', 'Cellar', 'Roof', 'Workshop', 'Office', 'Greenhouse'];

/** Devices whose values follow the time of day, so that charts look like charts. */
export function fleetOf(count: number): TestDevice[] {
  return Array.from({ length: count }, (_, index) => {
    const area = AREAS[index % AREAS.length] as string;
    const wave = (ms: number, periodS: number): number => Math.sin((2 * Math.PI * (ms / 1_000 + index * 97)) / periodS);
    return {
      id: `sim-${String(index + 1).padStart(3, '0')}`,
      name: `${area} ${Math.floor(index / AREAS.length) + 1}`,
      area,
      source: index % 5 === 4 ? 'replay' : 'simulated',
      metricsAt: (ms) => ({
        temperature: 21 + (index % 5) + 1.6 * wave(ms, 1_700) + 0.25 * wave(ms, 47),
        humidity: 44 + 6 * wave(ms, 2_600) + 0.7 * wave(ms, 61),
        ...(index % 3 === 0 ? { co2: 640 + 160 * wave(ms, 3_100) + 12 * wave(ms, 90) } : {}),
        ...(index % 4 === 1 ? { battery: 91 - index, motion: wave(ms, 30) > 0 } : {}),
      }),
    };
  });
}

/** The points that a gateway would have stored of a device, one every stepMs. */
export function historyOf(device: TestDevice, fromMs: number, toMs: number, stepMs: number): Point[] {
  const points: Point[] = [];
  for (let tsMs = fromMs, seq = 1; tsMs <= toMs; tsMs += stepMs, seq++) {
    const metrics = device.metricsAt(tsMs);
    points.push(readingPoint({ site: SITE, device: device.id, boot: 'b1', seq, tsMs, timeQuality: 'sync', metrics }));
  }
  return points;
}

export async function announce(broker: TestBroker, device: TestDevice): Promise<void> {
  const { id, name, area, source } = device;
  const meta = { name, area, source, manufacturer: 'lattice-sim', model: 'Climate node', software: '0.1.0' };
  await broker.publish(meshTopic(SITE, id, 'meta'), meta, true);
  await broker.publish(meshTopic(SITE, id, 'availability'), 'online', true);
}

export async function publishReading(broker: TestBroker, device: TestDevice, seq: number): Promise<void> {
  const tsMs = Date.now();
  const metrics = device.metricsAt(tsMs);
  await broker.publish(
    meshTopic(SITE, device.id, 'state'),
    encodeReading({ tsMs, seq, boot: 'b1', timeQuality: 'sync', metrics }),
  );
}
