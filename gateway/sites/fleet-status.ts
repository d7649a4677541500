import { messageOf } from '../../core/errors/index.ts';
import {
  decisionKey,
  doneKey,
  type Outcome,
  outcomeRecordSchema,
  preparedKey,
  preparedSchema,
  type SiteGroup,
} from '../transactions/index.ts';

/** A change over several sites that is prepared somewhere and not carried out there yet. */
export interface PendingChange {
  id: string;
  participants: string[];
  /** Where it waits. */
  heldAt: string[];
  /**
   * `committing` or `aborting`: decided, and on its way. `undecided`: nobody has decided yet. `inDoubt`: whether it was decided cannot be
   * seen from here, because a site that may know cannot be reached.
   */
  state: 'committing' | 'aborting' | 'undecided' | 'inDoubt';
}

export interface SitesStatus {
  sites: { site: string; isReachable: boolean; reason?: string }[];
  pending: PendingChange[];
}

const PENDING_MAX = 100;

interface Waiting {
  participants: string[];
  /** The sites that may know how it was decided. */
  witnesses: string[];
  heldAt: string[];
}

/** What every site holds prepared, as far as it can be reached; at most 100 changes a site. */
export async function sitesStatus(
  sites: ReadonlyMap<string, SiteGroup>,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<SitesStatus> {
  const told = await Promise.all(
    [...sites].map(async ([site, group]) => {
      try {
        const { keyValues } = await group.range({ prefix: preparedKey('') }, { ...options, limit: PENDING_MAX });
        return { site, isReachable: true, keyValues };
      } catch (error) {
        return { site, isReachable: false, reason: messageOf(error), keyValues: [] };
      }
    }),
  );
  const unreachable = new Set(told.filter(({ isReachable }) => !isReachable).map(({ site }) => site));
  const waiting = new Map<string, Waiting>();
  for (const { site, keyValues } of told) {
    for (const { key, value } of keyValues) {
      const { participants, decision } = preparedSchema.parse(JSON.parse(value));
      const id = key.slice(preparedKey('').length);
      const one = waiting.get(id) ?? { participants, witnesses: [], heldAt: [] };
      const deciders = decision.kind === 'paxos' ? decision.acceptors : [decision.coordinator];
      one.witnesses = [...new Set([...participants, ...deciders])];
      one.heldAt.push(site);
      waiting.set(id, one);
    }
  }
  const pending = [...waiting].map(async ([id, { participants, witnesses, heldAt }]): Promise<PendingChange> => {
    const outcome = await outcomeOf(
      id,
      witnesses.flatMap((site) => sites.get(site) ?? []),
      options,
    );
    const isSeen = witnesses.every((site) => sites.has(site) && !unreachable.has(site));
    return { id, participants, heldAt, state: stateOf(outcome, isSeen) };
  });
  return {
    sites: told.map(({ keyValues: _, ...site }) => site),
    pending: await Promise.all(pending),
  };
}

async function outcomeOf(
  id: string,
  groups: SiteGroup[],
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<Outcome | undefined> {
  const asked = groups.flatMap((group) => [decisionKey(id), doneKey(id)].map((key) => group.range({ key }, options)));
  for (const answer of await Promise.allSettled(asked)) {
    const found = answer.status === 'fulfilled' ? answer.value.keyValues[0] : undefined;
    if (found !== undefined) return outcomeRecordSchema.parse(JSON.parse(found.value)).outcome;
  }
  return undefined;
}

function stateOf(outcome: Outcome | undefined, isSeen: boolean): PendingChange['state'] {
  if (outcome !== undefined) return outcome === 'commit' ? 'committing' : 'aborting';
  return isSeen ? 'undecided' : 'inDoubt';
}
