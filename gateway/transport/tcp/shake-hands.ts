import { LatticeError } from '../../../core/errors/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import type { GatewayIdentity } from '../types.ts';
import type { HandshakeFrame, HandshakeStep } from '../wire/index.ts';
import type { Connection } from './connection.ts';

export interface ShakeHandsOptions {
  connection: Connection;
  handshake: { begin?(): HandshakeFrame; on(frame: HandshakeFrame): HandshakeStep };
  clock: Clock;
  timeoutMs: number;
  /** The connection is secured, and its callbacks are free for the next owner. */
  onEstablished: (peer: GatewayIdentity) => void;
  /** The connection is closed. */
  onFailed: (error: LatticeError) => void;
}

/** Runs the handshake on a fresh connection, within a time. Exactly one of the callbacks is called, once. */
export function shakeHands(options: ShakeHandsOptions): void {
  const { connection, handshake, clock, timeoutMs, onEstablished, onFailed } = options;
  const fail = (error: LatticeError, lastFrame?: HandshakeFrame): void => {
    timer.cancel();
    connection.close(lastFrame);
    onFailed(error);
  };
  const timer = clock.setTimer(timeoutMs, () => {
    fail(new LatticeError('RPC_UNREACHABLE', `No handshake within ${timeoutMs} ms.`));
  });
  connection.onClose = ({ error }) => fail(error);
  connection.onHandshake = (frame) => {
    const { send, established, refused } = handshake.on(frame);
    if (refused !== undefined) {
      fail(refused, send[0]);
      return;
    }
    for (const each of send) connection.sendHandshake(each);
    if (established === undefined) return;
    timer.cancel();
    connection.secure(established.keys);
    onEstablished(established.peer);
  };
  const first = handshake.begin?.();
  if (first !== undefined) connection.sendHandshake(first);
}
