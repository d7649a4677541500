import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunSimOptions, Summary } from '../../device-sim/index.ts';
import { eventually } from '../support/eventually.ts';
import { PlainBroker } from '../support/plain-broker.ts';

interface Run {
  child: ChildProcess;
  messages: unknown[];
  ended: Promise<{ code: number | null; output: string }>;
}

const ENTRY = new URL('sim-entry.ts', import.meta.url).pathname;

function run(options: RunSimOptions): Run {
  const child = fork(ENTRY, [JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] });
  const messages: unknown[] = [];
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.on('message', (message) => messages.push(message));
  // Not `close`: it does not come after disconnect().
  const ended = Promise.all([once(child, 'exit'), once(child.stdout as Readable, 'end')]).then(([[code]]) => {
    return { code: code as number | null, output };
  });
  return { child, messages, ended };
}

describe('lattice sim as a process', () => {
  let broker: PlainBroker;
  beforeEach(async () => {
    broker = await new PlainBroker().start();
  });
  afterEach(() => broker.kill());

  it('ends by itself with the summary when it has sent what it should', async () => {
    const { ended } = run({ brokers: [broker.url], devices: 5, intervalMs: 50, readings: 60, seed: 4, json: true });
    const { code, output } = await ended;
    const summary = JSON.parse(output) as Summary;
    expect(code).toBe(0);
    expect(summary).toMatchObject({ seed: 4, devices: 5, sent: 60, acknowledged: 60, outstanding: 0, dropped: 0 });
    expect(summary.latencyMs.p99).toBeGreaterThan(0);
    expect(broker.readings().size).toBe(60);
  });

  it('tells its parent that it is ready, and stops on SIGTERM with everything acknowledged', async () => {
    const { child, messages, ended } = run({ brokers: [broker.url], devices: 3, intervalMs: 50 });
    await eventually(() => expect(broker.readings().size).toBeGreaterThan(10));
    expect(messages).toEqual([{ type: 'ready', detail: { devices: 3 } }]);
    child.kill('SIGTERM');
    const { code, output } = await ended;
    expect(code).toBe(0);
    expect(output).toContain(`acknowledged  ${broker.readings().size}\n`);
    expect(output).toContain('p99');
  });

  it('stops when its parent is gone', async () => {
    const { child, ended } = run({ brokers: [broker.url], devices: 1, intervalMs: 50 });
    await eventually(() => expect(broker.readings().size).toBeGreaterThan(1));
    child.disconnect();
    expect((await ended).code).toBe(0);
  });

  it('exits 1 when readings are left without an answer, 3 when nothing ever answered', async () => {
    const lost = run({ brokers: [broker.url], devices: 2, intervalMs: 50 });
    await eventually(() => expect(broker.readings().size).toBeGreaterThan(5));
    const url = broker.url;
    await broker.kill();
    const never = run({ brokers: [url], devices: 2, intervalMs: 50 });
    await eventually(() => expect(never.messages).toHaveLength(1));
    never.child.kill('SIGINT');
    expect((await never.ended).code).toBe(3);
    lost.child.kill('SIGTERM');
    const { code, output } = await lost.ended;
    expect(code).toBe(1);
    expect(output).toMatch(/outstanding {3}[1-9]/);
  });

  it('fails with AUTH_FAILED when the broker refuses the credentials', async () => {
    const sockets = new Set<Socket>();
    // CONNACK with return code 5, not authorized (MQTT 3.1.1, section 3.2.2.3).
    const refusing = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', () => socket.write(Buffer.from([0x20, 0x02, 0x00, 0x05])));
    });
    refusing.listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    const { port } = refusing.address() as { port: number };
    const { ended } = run({ brokers: [`mqtt://127.0.0.1:${port}`], username: 'u', password: 'p', devices: 2 });
    expect(await ended).toEqual({ code: 9, output: 'AUTH_FAILED' });
    for (const socket of sockets) socket.destroy();
    refusing.close();
  });

  it('prints the same bytes for the same seed in a dry run, and needs no broker', async () => {
    const options = { dryRun: true, seed: 'x', readings: 50, devices: 4 };
    const [first, second] = await Promise.all([run(options).ended, run(options).ended]);
    expect(first).toEqual(second);
    expect(first.code).toBe(0);
    const lines = first.output.trimEnd().split('\n');
    expect(lines).toHaveLength(50);
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      topic: expect.stringMatching(/^mesh\/v1\/home\/sim-00\d\/state$/),
    });
  });

  it('leaves the first simulated fleet out when it is to have no devices, and replays the motes', async () => {
    const scenarioFile = new URL('../../device-sim/scenarios/demo.yaml', import.meta.url).pathname;
    const { code, output } = await run({ scenarioFile, dryRun: true, readings: 20, devices: 0 }).ended;
    expect(code).toBe(0);
    const topics = output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).topic);
    expect(new Set(topics).size).toBe(4);
    expect(topics.every((topic) => /\/mote-[1-4]\/state$/.test(topic))).toBe(true);
  });

  it('names faults of options as those of a scenario', async () => {
    expect((await run({ devices: 0, dryRun: true }).ended).output).toBe('SCENARIO_INVALID');
  });
});
