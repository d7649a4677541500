import type { Answer, Claim } from './claim.ts';

/** What the machine of claims (claim-machine.ts) is told. */
export type ClaimEvent =
  | { type: 'connect'; clientId: string; connection: number; username: string; isClean: boolean }
  /** The connection has ended, let in or not. */
  | { type: 'gone'; clientId: string; connection: number }
  | { type: 'claims'; from: string; claims: readonly Claim[] }
  | { type: 'answers'; from: string; answers: readonly Answer[] }
  | { type: 'reachable'; joined: readonly string[]; left: readonly string[] }
  /** The clock was ahead and has been put right: stamps above aboveMs are not to be believed. */
  | { type: 'putBack'; aboveMs: number }
  | { type: 'tick' };

/** What it wants done. */
export type ClaimEffect =
  | { type: 'claim'; to: string; claims: Claim[] }
  | { type: 'answer'; to: string; answers: Answer[] }
  /** Let the client in. `holders` keep a session for it. */
  | { type: 'admit'; clientId: string; connection: number; holders: string[] }
  /** End the connection, which may be one that was not let in yet. */
  | { type: 'close'; clientId: string; connection: number; code: 'SESSION_TAKEN_OVER' | 'CLIENT_ID_TAKEN'; by: string }
  /** A broker that answered late, or was away, keeps a session for a client that is in. */
  | { type: 'fetch'; clientId: string; from: string }
  /** The client began anew with a clean session at another broker. */
  | { type: 'end'; clientId: string };
