/** Counted since the start. */
export interface RpcCounters {
  calls: number;
  callsFailed: number;
  requestsResent: number;
  /** Answers that nobody waited for any more. */
  answersUnexpected: number;
  requestsHandled: number;
  /** Requests that came again while their handler was running, and afterwards. */
  requestsJoined: number;
  requestsReplayed: number;
  /** Requests that were told to come again, by the bound that was hit. */
  busyRunning: number;
  busyAnswers: number;
  handlersCancelled: number;
}

export function newRpcCounters(): RpcCounters {
  return {
    calls: 0,
    callsFailed: 0,
    requestsResent: 0,
    answersUnexpected: 0,
    requestsHandled: 0,
    requestsJoined: 0,
    requestsReplayed: 0,
    busyRunning: 0,
    busyAnswers: 0,
    handlersCancelled: 0,
  };
}
