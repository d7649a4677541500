import { pino } from 'pino';
import { systemRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { GroupNode } from '../../../gateway/consensus/index.ts';
import { GroupMachine, RaftCoordinator } from '../../../gateway/coordination/drivers/raft/index.ts';
import { TcpTransport } from '../../../gateway/transport/index.ts';
import { blockHalfOfTheTime } from './blocked.ts';
import { listenAsEtcd } from './front.ts';
import type { MemberSpec } from './member-spec.ts';

/*
 * One gateway's part in the group of its site, with nothing else in the process: for benchmarks that kill it. Its argument is a
 * MemberSpec as JSON. It runs until it is killed; what it logs goes to stderr.
 */
const { place, members, blocked } = JSON.parse(process.argv[2] ?? '') as MemberSpec;
const { name, folder: directory } = place;
const clock = systemClock;
const random = systemRandom();
const log = pino({ level: process.env['LATTICE_BENCH_LOG'] ?? 'silent', base: { name } }, pino.destination(2));

const transport = new TcpTransport({
  own: { site: 'bench', name },
  siteKey: 'the site key of a benchmark',
  listen: { host: '127.0.0.1', port: place.peerPort },
  ...{ clock, random, log },
});
await transport.start();
const machine = new GroupMachine({ client: `leader-${name}-${random.below(2 ** 32)}` });
const deps = { clock, random, log, transport, machine, duties: machine, diskOf: () => undefined };
const group = new GroupNode({ name, directory, initialMembers: members }, deps);
group.on('failed', () => {
  process.exitCode = 1;
});
const coordinator = new RaftCoordinator({ group, machine, random });
await group.start();
await listenAsEtcd(place.clientPort, coordinator, group);
if (blocked !== undefined) {
  const signal = new AbortController().signal;
  await blockHalfOfTheTime(blocked, { clock, random: random.fork(`blocked ${blocked.seed}`), signal });
}
