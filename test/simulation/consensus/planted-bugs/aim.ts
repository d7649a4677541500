import type { Random } from '../../../../core/random/index.ts';
import type { Fault } from '../../world/faults/index.ts';
import type { Scenario } from '../scenario.ts';

/* Scenarios and schedules that are aimed at a mistake. Any member may lead, so only some seeds hit the leader. */

/** A group whose members stay the same, with nothing beside the store's clients. */
export const PLAIN: Partial<Scenario> = {
  members: 3,
  spares: 0,
  lockClients: 0,
  adminEveryMs: undefined,
  leaseReads: false,
  hasPace: false,
  unreachableRate: 0,
  checkpointEntries: 1_000,
  keys: 1,
};

/** The processes of the store's clients: before them come the members and the resource. */
export function clientsFrom(nth: number, count: number, processes: number): number[] {
  return Array.from({ length: count }, (_, at) => processes + 2 + nth + at);
}

/** So many different members. */
export function someOf(random: Random, members: number, count: number): number[] {
  const rest = Array.from({ length: members }, (_, nth) => 1 + nth);
  return Array.from({ length: count }, () => rest.splice(random.below(rest.length), 1)[0] as number);
}

interface CutOff {
  /** Who is cut off, drawn each time. */
  side: () => number[];
  endMs: number;
  /** The first of the side stands still meanwhile: if it leads, it believes that it does until it goes on. */
  isPaused?: boolean;
}

/** The side is cut off now and again, for long enough that the others elect another leader. */
export function cutOffAgain(random: Random, { side, endMs, isPaused }: CutOff): Fault[] {
  const faults: Fault[] = [];
  for (let atMs = 500 + random.below(100); atMs + 500 < endMs; atMs += 650 + random.below(100)) {
    const its = side();
    faults.push({ kind: 'partition', atMs, side: its, forMs: 500 });
    if (isPaused) faults.push({ kind: 'pause', atMs, process: its[0] as number, forMs: 350 });
  }
  return faults;
}

interface Deposal {
  /** How many of the store's clients are cut off with the member. */
  clients: number;
  /** By how much slower the member's disk is, so that entries are being written still when others come in their place. */
  slowness?: number;
  /** The member starts again soon after. */
  isRestarted?: boolean;
  /** One of the others ends as the member comes back, so that yet another leads. */
  isSucceeded?: boolean;
}

/** A member of three is cut off with some clients, so that, if it leads, its log grows by what nobody else has; then it comes back. */
export function deposedLeader(random: Random, { clients, slowness, isRestarted, isSucceeded }: Deposal): Fault[] {
  const [process, other] = someOf(random, 3, 2) as [number, number];
  const atMs = 600;
  const forMs = 300 + random.below(200);
  const endMs = atMs + forMs;
  const faults: Fault[] = [{ kind: 'partition', atMs, side: [process, ...clientsFrom(0, clients, 3)], forMs }];
  if (slowness !== undefined) {
    faults.push({ kind: 'slowDisk', atMs: atMs - 20, process, factor: slowness, forMs: forMs + 20 });
  }
  if (isSucceeded) faults.push({ kind: 'crash', atMs: endMs - 20, process: other, powerCut: false, forMs: 300 });
  if (isRestarted) {
    faults.push({ kind: 'crash', atMs: endMs + 40 + random.below(120), process, powerCut: false, forMs: 50 });
  }
  return faults.toSorted((one, next) => one.atMs - next.atMs);
}
