import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/free-port.ts';
import { PEER_PATH } from '../../support/peers.ts';
import { endWithParent } from '../processes.ts';
import { BROKER_CORE, pin } from './pin.ts';
import { ACCOUNT, runningOf, type Side, type Started, TOPICS, untilListening } from './side.ts';

const ENVIRONMENT = { ...process.env, PATH: PEER_PATH };

/**
 * Mosquitto with nothing in its way: no persistence, no bounds on what is in flight or queued, no delay on its sockets, and
 * the same checks as ours: a password, and rights to the topic. Its bridge dials again after the shortest wait it can be told.
 */
export const mosquittoSide: Side = {
  name: 'Mosquitto',
  single: async (folder) => {
    const broker = await start(folder, 'a', []);
    return runningOf(broker, broker);
  },
  link: async (folder, route) => {
    const second = await start(folder, 'b', []);
    const port = await route(second.port);
    const { username, password } = ACCOUNT;
    const first = await start(folder, 'a', [
      'connection a-to-b',
      `address 127.0.0.1:${port}`,
      'topic # out 1',
      `local_username ${username}`,
      `remote_username ${username}`,
      `remote_password ${password}`,
      'bridge_protocol_version mqttv311',
      'cleansession false',
      'notifications false',
      'restart_timeout 1',
    ]);
    return runningOf(first, second);
  },
};

export function mosquittoVersion(): string {
  const help = execFileSync('sh', ['-c', 'mosquitto -h || true'], { encoding: 'utf8', env: ENVIRONMENT });
  return /version (\S+)/.exec(help)?.[1] ?? 'of an unknown version';
}

async function start(folder: string, id: string, bridge: readonly string[]): Promise<Started> {
  await mkdir(folder, { recursive: true });
  const { username, password } = ACCOUNT;
  const passwords = join(folder, `${id}.passwords`);
  execFileSync('mosquitto_passwd', ['-c', '-b', passwords, username, password], { env: ENVIRONMENT });
  const rights = join(folder, `${id}.rights`);
  await writeFile(rights, `user ${username}\ntopic readwrite ${TOPICS}\n`, { mode: 0o600 });
  const port = await freePort();
  const file = join(folder, `${id}.conf`);
  const lines = [
    `listener ${port} 127.0.0.1`,
    // Started by root it would become a user who may not read the files above.
    `user ${userInfo().username}`,
    'allow_anonymous false',
    `password_file ${passwords}`,
    `acl_file ${rights}`,
    'persistence false',
    'max_inflight_messages 0',
    'max_queued_messages 0',
    'set_tcp_nodelay true',
    'sys_interval 0',
    'log_dest stderr',
    'log_type error',
    ...bridge,
  ];
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  const child = spawn('mosquitto', ['-c', file], { stdio: 'ignore', env: ENVIRONMENT });
  child.once('exit', endWithParent(child.pid as number));
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`mosquitto ended with ${code}`)));
  ended.catch(() => {});
  await Promise.race([untilListening(port), ended]);
  pin(child.pid as number, BROKER_CORE);
  return { port, pid: child.pid as number, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
