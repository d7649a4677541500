import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { delay, systemClock } from '../../../core/time/index.ts';
import { readWallClock, type WallReading } from '../../../gateway/clock/reference/wall-clock.ts';
import { Chronyd } from '../../gateway/clock/reference/chronyd.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/free-port.ts';
import { endWithParent } from '../processes.ts';
import type { PeerCase } from './cases.ts';
import { DelayProxy } from './delay-proxy.ts';
import { type ClockError, errorsOf } from './errors.ts';
import type { Extent } from './measure.ts';
import { ClockSite, type Member } from './site.ts';

/** One gateway and one chrony that followed the same master, at the same time, through proxies that delay alike. */
export interface PeerResult {
  the: PeerCase;
  ours: ClockError[];
  chrony: ClockError[];
  /** Questions through the proxies for each second. */
  oursPerS: number;
  chronyPerS: number;
  /** By how much what chrony follows moved against the clock that it follows it by: that it has to find out. */
  movedMs: number;
}

const MASTER = 'gw-1';
const FOLLOWER = 'gw-2';
const SAMPLE_MS = 500;
/** Less narrow readings of the wall clock, of a process that was held up, are taken again. */
const WALL_UNCERTAINTY_MS_MAX = 0.006;
const MS_PER_S = 1_000;
const SYNCHRONISE_TIMEOUT_MS = 30_000;
/**
 * Eight times a second, as often as our master asks each member, if the round trip stays below 10 ms; else each second. Each eight make one
 * sample: of what it can be told, that served it best here.
 */
const POLLING = 'minpoll -3 maxpoll -3 filter 8';

export async function measureBesideChrony(the: PeerCase, extent: Extent, parent: string): Promise<PeerResult> {
  const folder = await mkdtemp(join(parent, `${the.name}-`));
  const stops: (() => Promise<void>)[] = [];
  const stopLater = <T>(running: T, stop: (running: T) => Promise<void>): T => {
    stops.unshift(() => stop(running));
    return running;
  };
  const openProxy = async (targetPort: number, seed: string): Promise<DelayProxy> =>
    stopLater(await DelayProxy.open({ ...the.delay, targetPort, seed }), (proxy) => proxy.close());
  try {
    const [ntpPort, clientPort] = (await freePorts(2)) as [number, number];
    const ourProxies: DelayProxy[] = [];
    const route = async (port: number): Promise<number> => {
      const proxy = await openProxy(port, `ours ${ourProxies.length}`);
      ourProxies.push(proxy);
      return proxy.port;
    };
    const members = [{ name: MASTER, wallAheadMs: 9, ntpPort }, { name: FOLLOWER }];
    const site = stopLater(await ClockSite.start({ folder, path: 'udp', members, route }), (one) => one.stop());
    site.lead(MASTER);
    await site.synchronised();
    const chronyProxy = await openProxy(ntpPort, 'chrony');
    const chronyd = stopLater(
      await Chronyd.start({ server: { port: chronyProxy.port, polling: POLLING }, clientPort, parent: folder }),
      (one) => one.stop(),
    );
    const forget = endWithParent(chronyd.pid);
    stops.push(async () => forget());
    await eventually(async () => {
      if (!trackingOf(await chronyd.chronyc('tracking')).isSynchronised) throw new Error('chrony follows nobody.');
    }, SYNCHRONISE_TIMEOUT_MS);
    await delay(systemClock, extent.settleMs);
    const asked = (): [number, number] => [ourProxies.reduce((sum, proxy) => sum + proxy.asked, 0), chronyProxy.asked];
    const fromMs = systemClock.monotonicMs();
    const [oursBefore, chronyBefore] = asked();
    const master = site.member(MASTER);
    const { errors: chrony, movedMs } = await chronyErrors(chronyd, master, fromMs + extent.measureMs);
    const passedS = (systemClock.monotonicMs() - fromMs) / MS_PER_S;
    const [oursAfter, chronyAfter] = asked();
    const ours = errorsOf(site.member(FOLLOWER).samples, master.samples, fromMs);
    const [oursPerS, chronyPerS] = [(oursAfter - oursBefore) / passedS, (chronyAfter - chronyBefore) / passedS];
    return { the, ours, chrony, oursPerS, chronyPerS, movedMs };
  } finally {
    for (const stop of stops) await stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * chrony says how far the machine's wall clock is behind the time that it follows. How far it truly is follows from the master's clock and
 * the wall clock at the same moment.
 */
async function chronyErrors(chronyd: Chronyd, master: Member, untilMs: number) {
  const errors: ClockError[] = [];
  const trueOffsetsMs: number[] = [];
  while (systemClock.monotonicMs() < untilMs) {
    await delay(systemClock, SAMPLE_MS);
    const tracking = trackingOf(await chronyd.chronyc('tracking'));
    const wall = narrowWallReading();
    const [reading] = await master.readAt([wall.atMonotonicMs]);
    if (reading === undefined) continue;
    const trueOffsetMs = reading.ms - wall.utcMs;
    trueOffsetsMs.push(trueOffsetMs);
    const errorMs = tracking.offsetMs - trueOffsetMs;
    errors.push({ atMs: wall.atMonotonicMs, errorMs, uncertaintyMs: tracking.uncertaintyMs });
  }
  return { errors, movedMs: Math.max(...trueOffsetsMs) - Math.min(...trueOffsetsMs) };
}

function narrowWallReading(): WallReading {
  for (;;) {
    const reading = readWallClock(systemClock);
    if (reading !== undefined && reading.uncertaintyMs <= WALL_UNCERTAINTY_MS_MAX) return reading;
  }
}

/** Of `chronyc -c tracking`. Its bound of the error is half the root delay and the root dispersion, as its manual says. */
export function trackingOf(line: string): { offsetMs: number; uncertaintyMs: number; isSynchronised: boolean } {
  const texts = line.trim().split(',');
  const fields = texts.map(Number);
  const field = (at: number): number => (fields[at] ?? Number.NaN) * MS_PER_S;
  const isSynchronised = texts.at(-1) !== 'Not synchronised';
  return { offsetMs: field(4), uncertaintyMs: field(10) / 2 + field(11), isSynchronised };
}
