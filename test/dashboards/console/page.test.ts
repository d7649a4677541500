import { mkdirSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type BrokerHealth, deadLetter, meshTopic } from '../../../core/wire/index.ts';
import { clockStatus, meshClocks, unsynchronised } from '../../support/clocks.ts';
import { eventually } from '../../support/eventually.ts';
import { describeWithPeers } from '../../support/peers.ts';
import { type Browser, launchBrowser } from '../support/browser.ts';
import {
  ACCESS_TOKEN,
  announce,
  fleetOf,
  historyOf,
  OPERATOR,
  publishReading,
  startTestConsole,
  type TestConsole,
} from '../support/fleet.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { brokerHealth, SITE, startBroker, startGateway, type TestBroker, type TestGateway } from '../support/mesh.ts';

const ARTIFACTS = new URL('../../../.artifacts/', import.meta.url).pathname;
const DEVICES = 26;

describeWithPeers('the console in Chromium', ['chromium', 'influxd'], () => {
  vi.setConfig({ testTimeout: 20_000, hookTimeout: 60_000 });
  const fleet = fleetOf(DEVICES);
  let influxd: Influxd;
  let brokers: [TestBroker, TestBroker];
  let gateways: TestGateway[];
  let mesh: TestConsole;
  let browser: Browser;
  let page: Page;
  let feeding: ReturnType<typeof setInterval>;
  let liveBroker: TestBroker;
  let secondBroker: Partial<BrokerHealth> = {};
  const consoleErrors: string[] = [];
  const requestedHosts = new Set<string>();

  beforeAll(async () => {
    influxd = await startInfluxd();
    brokers = [await startBroker('broker-1'), await startBroker('broker-2')];
    gateways = await Promise.all(
      ['gateway-1', 'gateway-2', 'gateway-3'].map((id, index) =>
        startGateway(id, { sent: 42_800 + index, stored: 42_790 + index, buffered: 10 }),
      ),
    );
    const nowMs = Date.now();
    await influxd.write(fleet.slice(0, 4).flatMap((device) => historyOf(device, nowMs - 900_000, nowMs, 5_000)));
    mesh = await startTestConsole({ brokers, gateways, storeUrl: influxd.url });
    for (const device of fleet) await announce(brokers[0], device);
    liveBroker = brokers[0];
    let seq = 0;
    feeding = setInterval(() => {
      seq++;
      for (const device of fleet) void publishReading(liveBroker, device, seq);
      for (const gateway of gateways) {
        gateway.account.sent += 9;
        gateway.account.stored += 9;
      }
      if (seq % 2 === 1) {
        void liveBroker.publish(
          meshTopic(SITE, 'broker-1', 'health'),
          brokerHealth('broker-1', ['broker-2'], { publishedTotal: 120_000 + seq * 26 }),
        );
        void liveBroker.publish(
          meshTopic(SITE, 'broker-2', 'health'),
          brokerHealth('broker-2', ['broker-1'], {
            publishedTotal: 80_000 + seq * 14,
            connections: 9,
            ...secondBroker,
          }),
        );
      }
    }, 500);

    browser = await launchBrowser();
    page = browser.context.pages()[0] ?? (await browser.context.newPage());
    page.on('console', (message) => {
      if (message.type() === 'error') consoleErrors.push(message.text());
    });
    page.on('pageerror', (error) => consoleErrors.push(String(error)));
    page.on('request', (request) => requestedHosts.add(new URL(request.url()).host));
  }, 60_000);

  afterAll(async () => {
    clearInterval(feeding);
    await browser?.close();
    await mesh?.stop();
    await Promise.all([...(brokers ?? []).map((broker) => broker.kill()), ...(gateways ?? []).map((gw) => gw.stop())]);
    await influxd?.stop();
  });

  it('shows a login page to strangers, and lets the operator in by name', async () => {
    await page.goto(mesh.url);
    await page.fill('#username', OPERATOR.username);
    await page.fill('#password', 'wrong');
    await page.click('button[type=submit]');
    await page.getByRole('alert').filter({ hasText: 'password is wrong' }).waitFor();
    await page.fill('#username', OPERATOR.username);
    await page.fill('#password', OPERATOR.password);
    await page.click('button[type=submit]');
    await page.locator('#rows tr').first().waitFor();
    await page.click('text=Log out');
    await page.locator('#username').waitFor();
    // Both refusals above are answers with status 401, which Chromium writes to its console.
    expect(consoleErrors.every((text) => text.includes('401'))).toBe(true);
    consoleErrors.length = 0;
  });

  it('logs in by the link and shows devices as they publish', async () => {
    await page.goto(`${mesh.url}/?token=${ACCESS_TOKEN}`);
    await page
      .locator('#rows tr')
      .nth(DEVICES - 1)
      .waitFor();
    expect(new URL(page.url()).search).toBe('');
    const first = page.locator('#rows tr').first();
    expect(await first.textContent()).toContain('Kitchen 1');
    const before = await first.locator('.values').textContent();
    expect(before).toContain('°C');
    await eventually(async () => expect(await first.locator('.values').textContent()).not.toBe(before));
    await eventually(async () => expect(await page.textContent('#state')).toContain('Everything is running'));
    await eventually(async () =>
      expect(await page.textContent('.verdict')).toContain('Every reading is accounted for'),
    );
    expect(await page.locator('.node[data-state=up]').count()).toBe(7);
    await eventually(async () => expect(await page.textContent('.edge-label')).toContain('ms'));
  });

  it('marks the gateway that leads, and tells the term and what the members are', async () => {
    const members = gateways.map(({ id }) => ({ name: id, role: 'voter' as const, isUp: id !== 'gateway-3' }));
    const common = { driver: 'raft' as const, leader: 'gateway-2', term: 7, revision: 12, members };
    for (const gateway of gateways) {
      gateway.agreement = { ...common, role: gateway.id === 'gateway-2' ? 'leader' : 'follower' };
    }
    const leader = page.locator('.node[data-tag=leader]');
    await leader.waitFor();
    expect(await leader.textContent()).toContain('gateway-2');
    expect(await leader.getAttribute('aria-label')).toContain('up, leader');
    expect(await page.textContent('#agreement')).toBe(
      'gateway-2 leads, term 7 · gateway-1 follower · gateway-2 leader · gateway-3 away',
    );
    for (const gateway of gateways) {
      const { leader: _, ...none } = common;
      gateway.agreement = { ...none, role: 'candidate' };
    }
    await eventually(async () => expect(await page.textContent('#state')).toContain('The gateways have no leader'));
    await eventually(async () => expect(await page.textContent('#agreement')).toContain('No gateway leads'));
    expect(await leader.count()).toBe(0);
    for (const gateway of gateways) {
      gateway.agreement = { ...common, role: gateway.id === 'gateway-2' ? 'leader' : 'follower' };
    }
    await leader.waitFor();
  });

  it('shows how the clocks go on the map and in a table, and an alarm', async () => {
    expect(await page.locator('#time').isVisible()).toBe(false);
    for (const { id, time } of meshClocks()) {
      const gateway = gateways.find((each) => each.id === id) as TestGateway;
      gateway.time = time;
    }
    const card = (id: string) => page.locator(`.node[aria-label^="${id}"]`);
    await page.locator('#time').waitFor();
    await eventually(async () => {
      const texts = await page.locator('.node .clock:not(:empty)').allTextContents();
      expect(texts).toEqual([
        'time · absolute ± 420 µs',
        'time master · absolute ± 420 µs',
        'time · absolute ± 420 µs',
      ]);
    });
    expect(await card('gateway-2').locator('.clock').getAttribute('data-master')).toBe('true');
    expect(await card('gateway-2').getAttribute('aria-label')).toContain('time master · absolute ± 420 µs');
    expect(await page.textContent('#time-hint')).toBe(
      'gateway-2 is the master, round 1,204 · ntp, 1 of 2 servers followed · ± 8.50 ms',
    );
    const rows = page.locator('#time-rows tr');
    expect(await rows.nth(0).locator('td').allTextContents()).toEqual([
      'gateway-1',
      'UTC',
      '± 420 µs',
      '+12 µs',
      '−12.50 ppm',
      '210 µs udp',
      '64',
      'accepted',
      '0',
    ]);
    expect(await rows.nth(1).locator('td').first().textContent()).toBe('gateway-2 · master');
    mkdirSync(ARTIFACTS, { recursive: true });
    await page.screenshot({ path: `${ARTIFACTS}console-time.png` });

    const [first, , third] = gateways;
    if (first !== undefined) first.time = unsynchronised();
    if (third !== undefined)
      third.time = clockStatus({ isAlarmed: true, uncertaintyMs: 81, refused: { staleTerm: 3 } });
    await page.getByText("gateway-3's clock may be wrong by up to 81 ms").first().waitFor();
    expect(await page.getAttribute('#state', 'data-tone')).toBe('bad');
    expect(await card('gateway-1').locator('.clock').textContent()).toBe('clock not synchronised');
    expect(await card('gateway-1').locator('.clock').getAttribute('data-tone')).toBe('warn');
    expect(await card('gateway-3').locator('.clock').textContent()).toBe('ALARM · absolute ± 81 ms');
    expect(await card('gateway-3').locator('.clock').getAttribute('data-tone')).toBe('bad');
    expect(await rows.nth(2).locator('td').last().textContent()).toBe('staleTerm 3');
    expect(await page.textContent('#time-faults')).toContain("gateway-1's clock is not synchronised.");
    await page.screenshot({ path: `${ARTIFACTS}console-time-alarm.png` });
    await page.setViewportSize({ width: 390, height: 844 });
    await eventually(async () => {
      const texts = await page.locator('.node .clock:not(:empty)').allTextContents();
      expect(texts).toEqual(['no time yet', '◆ abs ±420 µs', '! abs ±81 ms']);
    });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(
      0,
    );
    const clip = { x: 0, y: 0, width: 390, height: 1_300 };
    await page.screenshot({ path: `${ARTIFACTS}console-phone-time.png`, fullPage: true, clip });
    await page.setViewportSize({ width: 1280, height: 800 });

    for (const { id, time } of meshClocks()) {
      const gateway = gateways.find((each) => each.id === id) as TestGateway;
      gateway.time = time;
    }
    await eventually(async () => expect(await page.textContent('#state')).toContain('Everything is running'));
    expect(await page.locator('#time-faults').isVisible()).toBe(false);
  });

  it('finds devices by their place', async () => {
    await page.fill('#search', 'cellar');
    await eventually(async () => expect(await page.locator('#rows tr').count()).toBe(5));
    await page.fill('#search', 'nothing-like-it');
    await page.getByText('No device matches').waitFor();
    await page.fill('#search', '');
    await eventually(async () => expect(await page.locator('#rows tr').count()).toBe(DEVICES));
  });

  it('lists what was refused, as text', async () => {
    const letter = deadLetter({
      code: 'READING_NOT_JSON',
      reason: 'Unexpected token <img src=x onerror=alert(1)>',
      topic: meshTopic(SITE, 'sim-003', 'state'),
      payload: Buffer.from('<b>temperature</b> 21'),
      atMs: Date.now(),
      by: 'gateway-1',
    });
    await liveBroker.publish(meshTopic(SITE, 'sim-003', 'deadletter'), letter);
    await page.getByText('<b>temperature</b> 21').waitFor();
    expect(await page.locator('.letters img, .letters b').count()).toBe(0);
    mkdirSync(ARTIFACTS, { recursive: true });
    await page.locator('#search').blur();
    await page.screenshot({ path: `${ARTIFACTS}console-desktop.png` });
  });

  it('draws the history of a device that is clicked, and goes on live', async () => {
    await page.click('#rows tr >> text=Kitchen 1');
    const plot = page.locator('.chart[data-metric=temperature] canvas');
    await plot.waitFor();
    await eventually(async () => {
      const colours = await plot.evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
        return new Set(new Uint32Array((data as Uint8ClampedArray).buffer)).size;
      });
      expect(colours).toBeGreaterThan(3);
    });
    expect(await page.locator('.chart').count()).toBe(3);
    expect(await page.textContent('.chart[data-metric=temperature] .range')).toMatch(/min .*°C · mean .* · max/);
    // The values follow waves, which stand still at their crests; the count of readings does not.
    const readingsSeen = async (): Promise<number> => {
      const text = await page.locator('dialog[open]').innerText();
      return Number(/Readings seen\s+([\d,]+)/i.exec(text)?.[1]?.replaceAll(',', ''));
    };
    const before = await readingsSeen();
    await eventually(async () => expect(await readingsSeen()).toBeGreaterThan(before));
    await page.screenshot({ path: `${ARTIFACTS}console-device.png` });
    await page.click('text=1 h');
    await page.locator('.chart canvas').first().waitFor();
    await page.keyboard.press('Escape');
    await eventually(async () => expect(await page.locator('dialog[open]').count()).toBe(0));
    await eventually(() => expect(new URL(page.url()).hash).toBe(''));
  });

  it('fits a phone without scrolling sideways, in the dark as well', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const overflow = (): Promise<number> =>
      page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    await eventually(async () => expect(await overflow()).toBe(0));
    await page.screenshot({ path: `${ARTIFACTS}console-phone.png` });
    await page.screenshot({ path: `${ARTIFACTS}console-phone-full.png`, fullPage: true });
    await page.click('#rows tr >> text=Kitchen 1');
    await page.locator('.chart canvas').first().waitFor();
    expect(await overflow()).toBe(0);
    expect(
      await page.evaluate(() => {
        const dialog = document.querySelector('dialog');
        return dialog === null ? -1 : dialog.scrollWidth - dialog.clientWidth;
      }),
    ).toBe(0);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: `${ARTIFACTS}console-phone-device-dark.png` });
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 1280, height: 800 });
    await eventually(async () => expect(await page.locator('dialog[open]').count()).toBe(0));
    await page.screenshot({ path: `${ARTIFACTS}console-desktop-dark.png` });
    await page.emulateMedia({ colorScheme: 'light' });
  });

  it('shows what waits for a link, and that a broker drains', async () => {
    const waiting = { backlogMessages: 1_234, backlogBytes: 1_572_864, backlogAgeMs: 42_000 };
    const links = brokerHealth('broker-2', ['broker-1']).links.map((link) => ({ ...link, ...waiting }));
    secondBroker = { links, isDraining: true, weight: 0 };
    await eventually(async () => {
      expect(await page.locator('.edge-label').allTextContents()).toEqual(['link <1 ms', '1,234 waiting, 42 s']);
      expect(await page.textContent('.node[aria-label^="broker-2"] .tag')).toBe('draining');
    });
    expect(await page.getAttribute('.node[aria-label^="broker-2"]', 'data-state')).toBe('up');
    expect(await page.textContent('#state')).toContain('broker-2 is draining');
    await page.screenshot({ path: `${ARTIFACTS}console-draining.png` });
    await page.setViewportSize({ width: 390, height: 844 });
    await eventually(async () =>
      expect(await page.locator('.edge-label').allTextContents()).toEqual(['<1 ms', '1,234']),
    );
    await page.locator('#map').screenshot({ path: `${ARTIFACTS}console-phone-map.png` });
    await page.setViewportSize({ width: 1280, height: 800 });
    secondBroker = {};
    await eventually(async () =>
      expect(await page.locator('.edge-label').allTextContents()).toEqual(['link <1 ms', '']),
    );
  });

  it('goes on with the other broker when one is killed, and says which is down', async () => {
    liveBroker = brokers[1];
    await brokers[0].kill();
    await page.getByText('broker-1 is down').waitFor();
    await eventually(async () =>
      expect(await page.getAttribute('.node[aria-label^="broker-1"]', 'data-state')).toBe('down'),
    );
    await page.getByText('listening to broker-2').waitFor();
    const value = page.locator('#rows tr').first().locator('.values');
    const before = await value.textContent();
    await eventually(async () => expect(await value.textContent()).not.toBe(before));
  });

  it('says that a gateway and the store are down', async () => {
    await gateways[2]?.stop();
    await influxd.stop();
    await eventually(async () => {
      expect(await page.getAttribute('.node[aria-label^="gateway-3"]', 'data-state')).toBe('down');
      expect(await page.getAttribute('.node[aria-label^="Store"]', 'data-state')).toBe('down');
    });
    expect(await page.textContent('.verdict')).toContain('As last told by gateway-3');
    await page.screenshot({ path: `${ARTIFACTS}console-trouble.png` });
  });

  it('asked nobody but the console, and logged no error', () => {
    expect([...requestedHosts]).toEqual([new URL(mesh.url).host]);
    expect(consoleErrors).toEqual([]);
  });
});
