import { backoffMs } from '../../core/device-link/index.ts';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import { type Desired, desiredIn, desiredKey, type Settings } from '../fleet/index.ts';
import { readCommitted, type SiteChange, type SiteGroup, type Transactor } from '../transactions/index.ts';

/** The settings that one device is to get, beside those that it has; null takes one away. */
export interface DeviceChange {
  site: string;
  device: string;
  settings: Settings;
}

export interface RolledOut {
  /** Of the transaction. */
  id: string;
  devices: { site: string; device: string; version: number }[];
  /** Sites that have not confirmed yet; the change reaches them when they can be reached. */
  pendingSites: string[];
}

export interface RollOutOptions {
  ownSite: string;
  sites: ReadonlyMap<string, SiteGroup>;
  transactor: Transactor;
  clock: Clock;
  random: Random;
  signal: AbortSignal;
}

/**
 * How long a roll-out that others got in the way of is tried again. Less than a site is waited for to vote: one that cannot
 * is no reason to try again.
 */
const RETRY_WITHIN_MS = 3_000;

/**
 * Changes settings of devices of several sites, for all of them or for none; what others change at the same time comes before or after,
 * never in between. Rejects with TRANSACTION_ABORTED, TRANSACTION_IN_DOUBT or COORDINATION_REJECTED.
 */
export async function rollOut(options: RollOutOptions, changes: readonly DeviceChange[]): Promise<RolledOut> {
  const { transactor, clock, random, signal, ownSite } = options;
  const bySite = Map.groupBy(ownSiteFirst(changes, ownSite), ({ site }) => site);
  const retryUntilMs = clock.monotonicMs() + RETRY_WITHIN_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      const planned = await Promise.all([...bySite].map(([site, devices]) => plan(options, site, devices)));
      const change = new Map(planned.map(({ site, change: one }) => [site, one]));
      const { id, pendingSites } = await transactor.commit(change, signal);
      return { id, pendingSites, devices: planned.flatMap(({ devices }) => devices) };
    } catch (error) {
      const mayPass = codeOf(error) === 'TRANSACTION_ABORTED' && clock.monotonicMs() < retryUntilMs;
      if (!mayPass || signal.aborted) throw error;
      await delay(clock, backoffMs(attempt, random, { firstMs: 20, lastMs: 500 }), signal);
    }
  }
}

/** Reads what the devices of a site are to do now, and makes of it what they are to do then. */
async function plan(
  { sites, signal }: RollOutOptions,
  site: string,
  changes: readonly DeviceChange[],
): Promise<{ site: string; change: SiteChange; devices: RolledOut['devices'] }> {
  const group = sites.get(site);
  if (group === undefined) throw new LatticeError('COORDINATION_REJECTED', `The site ${site} is not known here.`);
  const keys = changes.map(({ device }) => desiredKey(site, device));
  const found = await readCommitted(group, keys, { signal }).catch((cause: unknown) => {
    throw new LatticeError('TRANSACTION_ABORTED', `${site} cannot be read: ${messageOf(cause)}`, { cause });
  });
  const planned = changes.map(({ device, settings }, at) => {
    const next = changed(desiredIn(found[at]), settings);
    return { device, version: next.version, value: JSON.stringify(next) };
  });
  return {
    site,
    devices: planned.map(({ device, version }) => ({ site, device, version })),
    change: {
      compare: keys.map((key, at) => ({ key, target: 'modRevision', op: '=', value: found[at]?.modRevision ?? 0 })),
      operations: planned.map(({ value }, at) => ({ op: 'put', key: keys[at] as string, value })),
    },
  };
}

/** The first site decides a two-phase commit: best the one that is nearest. */
function ownSiteFirst(changes: readonly DeviceChange[], ownSite: string): DeviceChange[] {
  return changes.toSorted((a, b) => Number(b.site === ownSite) - Number(a.site === ownSite));
}

function changed(desired: Desired | undefined, settings: Settings): Desired {
  const merged = Object.entries({ ...desired?.settings, ...settings }).filter(([, value]) => value !== null);
  return { version: (desired?.version ?? 0) + 1, settings: Object.fromEntries(merged) };
}
