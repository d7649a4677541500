import { createHash } from 'node:crypto';
import { LatticeError } from '../../core/errors/index.ts';
import type { SiteGroup } from '../transactions/index.ts';
import type { PeerId } from '../transport/index.ts';
import type { Rpc } from '../transport/rpc/index.ts';
import { siteRange, siteTransaction } from './methods.ts';
import { checkRange, checkTransaction } from './permitted.ts';

/** Carries out what the gateways of other sites ask of this site's group. Returns how to stop. */
export function serveSite(rpc: Rpc, group: SiteGroup, callers: ReadonlySet<PeerId>): () => void {
  const admit = (peer: PeerId): void => {
    if (!callers.has(peer))
      throw new LatticeError('COORDINATION_REJECTED', `${peer} is of no site that takes part here.`);
  };
  const stops = [
    rpc.handle(siteTransaction, async ({ id, transaction }, { peer, remainingMs, signal }) => {
      admit(peer);
      checkTransaction(transaction);
      const requestId = { client: clientOf(peer, id.client), sequence: id.sequence };
      return group.transaction(transaction, { timeoutMs: remainingMs, signal, requestId });
    }),
    rpc.handle(siteRange, async ({ range, limit }, { peer, remainingMs, signal }) => {
      admit(peer);
      checkRange(range);
      return group.range(range, { limit, timeoutMs: remainingMs, signal });
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** The caller's name is in it, so that nobody can spend the ids of somebody else; at most 64 characters. */
function clientOf(peer: PeerId, client: string): string {
  return `site-${createHash('sha256').update(`${peer} ${client}`).digest('base64url')}`;
}
