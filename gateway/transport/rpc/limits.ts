import type { BackoffBounds } from '../../../core/device-link/index.ts';

export interface RpcLimits {
  /** Handlers that run at once for one peer; a request more is told to come again. */
  runningPerPeerMax: number;
  /** Calls to one peer that wait for an answer; one more is refused with RPC_FAILED. */
  callsPerPeerMax: number;
  /**
   * Answers that are kept for one peer in case it asks again. At the bound a request is told to come again: an answer that is
   * thrown away too early would let its request be carried out twice.
   */
  answersPerPeerMax: number;
  /** Bytes of these. */
  answerBytesPerPeerMax: number;
  /** How long an answer is kept at most; deadlines are not longer than this. */
  answerAgeMsMax: number;
  /** Between two sendings of a request. */
  backoff: BackoffBounds;
}

export const RPC_LIMITS: RpcLimits = {
  runningPerPeerMax: 256,
  callsPerPeerMax: 1_024,
  answersPerPeerMax: 4_096,
  answerBytesPerPeerMax: 16 * 1024 * 1024,
  answerAgeMsMax: 60_000,
  backoff: { firstMs: 100, lastMs: 2_000 },
};
