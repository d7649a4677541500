import { LatticeError } from '../../../core/errors/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import {
  type ControlFrame,
  decodeControl,
  encodeControl,
  Handshake,
  type HandshakeOptions,
  type LinkIdentity,
  linkProtocolError,
} from '../wire/index.ts';
import type { Connection } from './connection.ts';

export interface ShakeHandsOptions extends HandshakeOptions {
  connection: Connection;
  clock: Clock;
  timeoutMs: number;
  /** The other end has proven who it is. The connection's callbacks are free for the next owner. */
  onEstablished: (peer: LinkIdentity) => void;
  /** The connection is closed. `claimed` is who the other end said it was, if it came to that. */
  onFailed: (error: LatticeError, claimed: string | undefined) => void;
}

/** Runs the handshake on a fresh connection, within a time. Exactly one of the callbacks is called, once. */
export function shakeHands(options: ShakeHandsOptions): void {
  const { connection, clock, timeoutMs, onEstablished, onFailed } = options;
  const handshake = new Handshake(options);
  const fail = (error: LatticeError, lastFrame?: ControlFrame): void => {
    timer.cancel();
    connection.close(lastFrame === undefined ? undefined : encodeControl(lastFrame));
    onFailed(error, handshake.claimed);
  };
  const timer = clock.setTimer(timeoutMs, () => {
    fail(new LatticeError('LINK_DOWN', `No handshake within ${timeoutMs} ms.`));
  });
  connection.onClose = (error) => fail(error);
  connection.onFrame = ({ kind, body }) => {
    if (kind !== 'control') throw linkProtocolError(`A frame of kind ${kind} before the handshake.`);
    const { send, peer, refused } = handshake.on(decodeControl(body));
    if (refused !== undefined) {
      fail(refused, send[0]);
      return;
    }
    for (const frame of send) connection.send(encodeControl(frame));
    if (peer === undefined) return;
    timer.cancel();
    onEstablished(peer);
  };
  for (const frame of handshake.begin()) connection.send(encodeControl(frame));
}
