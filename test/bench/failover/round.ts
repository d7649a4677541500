import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../../core/random/index.ts';
import { delay, systemClock } from '../../../core/time/index.ts';
import { KvClient } from './client.ts';
import { Cluster } from './cluster.ts';
import { firstWriteMs } from './outage.ts';
import type { Contender } from './places.ts';
import { type Steady, steadyWrites } from './steady.ts';

/** How much of each a round holds. */
export interface Extent {
  kills: number;
  freezes: number;
  warmUpMs: number;
  measureMs: number;
  /** No further kill or freeze begins so long after the round did; the first of each always does. */
  roundMsMax: number;
}

/** What one contender did, with a fresh cluster. Outages in ms, from the signal to the first write that was acknowledged. */
export interface Round {
  one: Steady;
  many: Steady;
  killedMs: number[];
  frozenMs: number[];
}

export const MANY_WRITERS = 32;
/** Of the time for outages, the part in which leaders are killed. */
const KILLS_PART = 0.7;
/** Between two outages, so that the members have found each other again, and the next one comes at any time between two heartbeats. */
const SETTLE_MS_MIN = 1_000;
const SETTLE_MS_SPREAD = 500;

export async function measureRound(
  contender: Contender,
  { parent, extent, random }: { parent: string; extent: Extent; random: Random },
): Promise<Round> {
  const startMs = performance.now();
  const folder = await mkdtemp(join(parent, 'round-'));
  const client = new KvClient();
  try {
    const cluster = await Cluster.start(contender, folder, client);
    try {
      const { place } = await cluster.healed();
      const one = await steadyWrites(client, place.clientPort, { ...extent, writers: 1 });
      const many = await steadyWrites(client, place.clientPort, { ...extent, writers: MANY_WRITERS });
      const leftMs = extent.roundMsMax - (performance.now() - startMs);
      const killed = () => killLeader(cluster, client);
      const frozen = () => freezeLeader(cluster, client);
      const killedMs = await outages(extent.kills, KILLS_PART * leftMs, random, killed);
      const frozenMs = await outages(extent.freezes, (1 - KILLS_PART) * leftMs, random, frozen);
      return { one, many, killedMs, frozenMs };
    } finally {
      await cluster.stop();
    }
  } finally {
    client.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function outages(
  count: number,
  msMax: number,
  random: Random,
  outageMs: () => Promise<number>,
): Promise<number[]> {
  const startMs = performance.now();
  const all: number[] = [];
  for (let longestMs = 0; all.length < count; ) {
    const beginMs = performance.now();
    if (all.length > 0 && beginMs + longestMs - startMs > msMax) break;
    await delay(systemClock, SETTLE_MS_MIN + random.next() * SETTLE_MS_SPREAD);
    all.push(await outageMs());
    longestMs = Math.max(longestMs, performance.now() - beginMs);
  }
  return all;
}

/** From the death of the leader's process, which the machines of the others learn of, since their connections end. */
async function killLeader(cluster: Cluster, client: KvClient): Promise<number> {
  const leader = await cluster.healed();
  leader.child.kill('SIGKILL');
  const outageMs = await firstWriteMs(client, cluster.survivorsOf(leader));
  await cluster.restart(leader);
  await cluster.healed();
  return outageMs;
}

/** The leader falls silent, and its connections stay: to the others it is as if the network to it were cut. */
async function freezeLeader(cluster: Cluster, client: KvClient): Promise<number> {
  const leader = await cluster.healed();
  leader.child.kill('SIGSTOP');
  try {
    return await firstWriteMs(client, cluster.survivorsOf(leader));
  } finally {
    leader.child.kill('SIGCONT');
    await cluster.healed();
  }
}
