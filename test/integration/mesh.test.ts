import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { InfluxDB } from 'influx';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryStore } from '../../core/cli/store-query.ts';
import { checkPanels } from '../../dashboards/grafana/index.ts';
import { launchBrowser } from '../dashboards/support/browser.ts';
import { chronydOffsetMs } from '../gateway/clock/ntp/ntp-clients.ts';
import { eventually } from '../support/eventually.ts';
import { ENTRY, lattice, run, TestMesh } from '../support/mesh.ts';
import { describeWithPeers } from '../support/peers.ts';

let mesh: TestMesh;
let startedInMs: number;

beforeAll(async () => {
  const started = performance.now();
  mesh = await TestMesh.start();
  startedInMs = performance.now() - started;
}, 60_000);

afterAll(() => mesh?.destroy());

describe('lattice up', () => {
  it('is ready within 20 s, as separate processes, and keeps its secrets to its owner', async () => {
    expect(startedInMs).toBeLessThan(20_000);
    const { brokers, gateways, store } = mesh.endpoints;
    const pids = [...brokers, ...gateways, store].map(({ pid }) => pid);
    expect(new Set(pids).size).toBe(6);
    const { stdout } = await run('stat', [
      '-c',
      '%a',
      `${mesh.dataDir}/secrets.json`,
      `${mesh.dataDir}/mesh.json`,
      `${mesh.dataDir}/config/broker-1.yaml`,
    ]);
    expect(stdout.trim().split('\n')).toEqual(['600', '600', '600']);
  });

  it('listens on loopback alone', () => {
    // /proc/net/tcp: local address as hex, state 0A is LISTEN; 0100007F is 127.0.0.1.
    const listening = ['tcp', 'tcp6'].flatMap((table) =>
      readFileSync(`/proc/net/${table}`, 'utf8')
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === '0A')
        .map((fields) => (fields[1] as string).split(':') as [string, string]),
    );
    const ours = listening.filter(([, port]) => {
      const offset = Number.parseInt(port, 16) - mesh.portBase;
      return offset >= 0 && offset < 24;
    });
    expect(ours.length).toBeGreaterThanOrEqual(11);
    expect(ours.filter(([address]) => address !== '0100007F')).toEqual([]);
  });

  it('brings real readings to the store: simulated, replayed and of this machine', async () => {
    const influx = influxClient();
    await eventually(async () => {
      const rows = await influx.query<{ device: string; count: number }>(
        'SELECT count("seq") FROM "reading" WHERE time > now() - 1h GROUP BY "device"',
      );
      const devices = rows.map(({ device }) => device);
      expect(devices.filter((device) => device.startsWith('sim-')).length).toBe(20);
      expect(devices.filter((device) => device.startsWith('mote-')).length).toBe(4);
      expect(devices).toContain('this-machine');
    }, 20_000);
  });

  it('closes the account, and the store counts the same', async () => {
    await eventually(async () => {
      const { code, stdout } = await lattice('status', '--json', '--data', mesh.dataDir);
      const status = JSON.parse(stdout);
      expect(status.account.sent).toBeGreaterThan(50);
      expect(status.account.sent).toBe(status.account.stored + status.account.buffered + status.account.dropped);
      expect(
        status.brokers.map((broker: { links: { state: string }[] }) => broker.links.map(({ state }) => state)),
      ).toEqual([['up'], ['up']]);
      expect(code).toBe(0);
    }, 20_000);
  });

  it('passes the doctor on every path', async () => {
    const { code, stdout } = await lattice('doctor', '--json', '--data', mesh.dataDir);
    const { ok, paths } = JSON.parse(stdout);
    expect(paths).toHaveLength(6);
    expect(ok).toBe(true);
    expect(code).toBe(0);
  });

  it('agrees on time, and tells it to devices', async () => {
    await eventually(async () => {
      const { code, stdout } = await lattice('time', '--data', mesh.dataDir);
      expect(stdout).toMatch(/Mesh time {2}.*, relative \(gateway-\d is the master/);
      expect(code).toBe(0);
    }, 20_000);
    await eventually(async () => {
      const topic = 'mesh/v1/home/this-machine/state';
      const { stdout } = await lattice('sub', topic, '--count', '1', '--json', '--data', mesh.dataDir);
      expect(stdout).toContain('"tq');
      expect(stdout.replaceAll('\\', '')).toContain('"tq":"sync"');
    }, 20_000);
  });

  it('tells a taken port by its number and the option', async () => {
    const { code, stderr } = await lattice(
      'up',
      '--data',
      `${mesh.dataDir}-other`,
      '--port-base',
      String(mesh.portBase),
    );
    expect(stderr).toMatch(new RegExp(`PORT_TAKEN.*${mesh.portBase} .*--port-base`));
    expect(code).toBe(1);
  });

  it('does not run twice over one data folder', async () => {
    const { code, stderr } = await lattice('up', '--data', mesh.dataDir, '--port-base', String(mesh.portBase + 1000));
    expect(stderr).toContain('DATA_LOCKED');
    expect(code).toBe(4);
  });

  it('says what is wrong on the command line, with the exit code for usage', async () => {
    expect((await lattice('up', '--brokers', '99')).code).toBe(2);
    expect((await lattice('nonsense')).code).toBe(2);
    expect((await lattice('pub', 'a/#', 'x', '--data', mesh.dataDir)).code).toBe(2);
    expect((await lattice('sub', 'a/#/b', '--data', mesh.dataDir)).code).toBe(2);
    expect((await lattice('up', '--data', '/dev/null/x')).stderr).toMatch(/^DATA_UNUSABLE/);
    expect((await lattice('status', '--data', '/nowhere')).code).toBe(3);
  });
});

describeWithPeers('the time of the mesh, asked by chronyd', ['chronyd'], () => {
  it('is served to NTP clients by `lattice time serve`, which follows as devices do', async () => {
    const port = mesh.portBase + 30;
    const args = [ENTRY, 'time', 'serve', '--data', mesh.dataDir, '--port', String(port)];
    const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(createInterface({ input: server.stdout }), 'line');
      // All clocks of this machine are one, so it finds nothing to correct.
      await eventually(async () => expect(Math.abs(await chronydOffsetMs(port))).toBeLessThan(20), 25_000);
    } finally {
      server.kill();
    }
  });
});

describeWithPeers('clients that we did not write', ['mosquitto_pub', 'mosquitto_sub', 'curl'], () => {
  it('carries a reading from a client at one broker to a subscriber at the other', async () => {
    const subscriber = spawn('mosquitto_sub', [
      ...mesh.mosquittoArgs(1),
      '-t',
      'mesh/v1/home/kitchen/state',
      '-C',
      '1',
      '-W',
      '15',
    ]);
    const exited = once(subscriber, 'exit');
    const lines = createInterface({ input: subscriber.stdout });
    const seen: string[] = [];
    lines.on('line', (line) => seen.push(line));
    // Interest has to reach the other broker before the message is sent, so it may take more than one.
    await eventually(async () => {
      const payload = JSON.stringify({ temperature: 21.5 });
      const sent = await run('mosquitto_pub', [
        ...mesh.mosquittoArgs(0),
        '-q',
        '1',
        '-t',
        'mesh/v1/home/kitchen/state',
        '-m',
        payload,
      ]);
      expect(sent.code).toBe(0);
      expect(seen).toContain(payload);
    });
    await exited;
    await eventually(async () => {
      const { stdout } = await curlQuery(`SELECT last("temperature") FROM "reading" WHERE "device" = 'kitchen'`);
      expect(JSON.parse(stdout).results[0].series[0].values[0][1]).toBe(21.5);
    });
  });

  it('refuses a wrong password and a client without one', async () => {
    const { host, port } = mesh.broker(0);
    const address = ['-h', host, '-p', String(port), '-t', 'mesh/v1/home/x/state', '-m', '{"temperature":1}'];
    for (const account of [[], ['-u', 'operator', '-P', 'wrong']]) {
      const { code, stderr } = await run('mosquitto_pub', [...address, ...account]);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/not authori[sz]ed|bad user name/i);
    }
    expect((await curlQuery('SHOW DATABASES', 'operator:wrong')).stdout).toContain('authorization failed');
  });

  it('tells refused readings in a topic that can be subscribed to, and loses nothing else', async () => {
    const subscriber = spawn('mosquitto_sub', [...mesh.mosquittoArgs(0), '-t', 'mesh/v1/+/+/deadletter', '-W', '30']);
    const letters: { code: string; topic: string }[] = [];
    createInterface({ input: subscriber.stdout }).on('line', (line) => letters.push(JSON.parse(line)));
    const bad: [string, string][] = [
      ['hello', 'READING_NOT_JSON'],
      ['{"temperature":{"value":1}}', 'READING_SCHEMA'],
      [JSON.stringify({ ts: Date.now() + 86_400_000, temperature: 1 }), 'READING_STAMP_FUTURE'],
      ['{"temperature":NaN}', 'READING_NOT_FINITE'],
    ];
    for (const [payload, code] of bad) {
      await eventually(async () => {
        const args = [...mesh.mosquittoArgs(0), '-q', '1', '-t', 'mesh/v1/home/faulty/state', '-m', payload];
        expect((await run('mosquitto_pub', args)).code).toBe(0);
        expect(letters).toContainEqual(expect.objectContaining({ code, topic: 'mesh/v1/home/faulty/state' }));
      });
    }
    subscriber.kill();
    const good = [...mesh.mosquittoArgs(0), '-q', '1', '-t', 'mesh/v1/home/faulty/state', '-m', '{"temperature":7}'];
    expect((await run('mosquitto_pub', good)).code).toBe(0);
    await eventually(async () => {
      const { stdout } = await curlQuery(`SELECT last("temperature") FROM "reading" WHERE "device" = 'faulty'`);
      expect(stdout).toContain('7]');
    });
  });

  it('cuts off a client that sends 1 MiB or writes outside of the mesh, and says why in the log', async () => {
    const big = await run(
      'mosquitto_pub',
      [...mesh.mosquittoArgs(0), '-q', '1', '-t', 'mesh/v1/home/big/state', '-s'],
      'x'.repeat(1024 * 1024),
    );
    expect(big.code).not.toBe(0);
    await eventually(() => expect(brokerLog()).toContain('PACKET_TOO_LARGE'));
    const { code, stderr } = await lattice('pub', 'elsewhere/topic', 'x', '--data', mesh.dataDir);
    expect(stderr).toMatch(/^PUBLISH_REFUSED: .*elsewhere\/topic/);
    expect(code).toBe(1);
    await eventually(() => expect(brokerLog()).toContain('TOPIC_FORBIDDEN'));
  });

  it('announces every device to Home Assistant', async () => {
    const { stdout } = await run('mosquitto_sub', [
      ...mesh.mosquittoArgs(1),
      '-t',
      'homeassistant/device/+/config',
      '-v',
      '-C',
      '25',
      '-W',
      '15',
    ]);
    const announced = stdout.trim().split('\n');
    expect(announced.length).toBe(25);
    const [topic, ...rest] = (announced.find((line) => line.includes('mote-1')) ?? '').split(' ');
    expect(topic).toBe('homeassistant/device/lattice_home_mote-1/config');
    const config = JSON.parse(rest.join(' '));
    expect(config.o.name).toBe('lattice');
    expect(config.stat_t).toBe('mesh/v1/home/mote-1/state');
    expect(config.cmps.temperature).toMatchObject({ p: 'sensor', dev_cla: 'temperature', unit_of_meas: '°C' });
  });

  it('takes MQTT over WebSocket', async () => {
    const { host, wsPort } = mesh.broker(0);
    const { username, password } = mesh.endpoints;
    const client = await mqtt.connectAsync(`ws://${host}:${wsPort}`, { username, password, protocolVersion: 4 });
    const message = new Promise<string>((resolve) => client.once('message', (topic) => resolve(topic)));
    await client.subscribeAsync('mesh/v1/+/+/state');
    expect(await message).toMatch(/^mesh\/v1\/home\//);
    await client.endAsync();
  });
});

describeWithPeers('the console of a running mesh', ['chromium'], () => {
  it('shows the fleet, the account and a chart, after one click on the printed address', async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.context.newPage();
      // Below the test's own, so that what was waited for in vain is named.
      page.setDefaultTimeout(10_000);
      await page.goto(mesh.endpoints.console);
      await page.getByText('Mote 1').first().waitFor();
      await page.getByText('Every reading is accounted for').waitFor();
      await page.getByText('broker-2', { exact: true }).first().waitFor();
      await page.screenshot({ path: '.artifacts/mesh-desktop.png' });
      await page.getByText('Mote 1').first().click();
      await page.locator('canvas').first().waitFor();
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
      await page.screenshot({ path: '.artifacts/mesh-phone.png' });
    } finally {
      await browser.close();
    }
  });
});

describe('the Grafana dashboards', () => {
  it('find data for every panel in the store of a running mesh', async () => {
    await eventually(async () => {
      const results = await checkPanels((statement) => queryStore(mesh.endpoints, statement), {
        nowMs: Date.now(),
        choices: { device: 'mote-1' },
      });
      expect(results.length).toBeGreaterThan(10);
      expect(results.filter(({ values }) => values === 0)).toEqual([]);
    }, 20_000);
  });
});

function brokerLog(): string {
  return readFileSync(`${mesh.dataDir}/logs/broker-1.log`, 'utf8');
}

function influxClient(): InfluxDB {
  const { store, username, password } = mesh.endpoints;
  const { hostname, port } = new URL(store.url);
  return new InfluxDB({ host: hostname, port: Number(port), database: store.db, username, password });
}

function curlQuery(statement: string, account = `${mesh.endpoints.username}:${mesh.endpoints.password}`) {
  const { url, db } = mesh.endpoints.store;
  return run('curl', [
    '--silent',
    '--get',
    '--user',
    account,
    `${url}/query`,
    '--data-urlencode',
    `db=${db}`,
    '--data-urlencode',
    `q=${statement}`,
  ]);
}
