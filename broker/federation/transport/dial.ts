import { connect, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { createWebSocketStream, WebSocket } from 'ws';
import type { Clock } from '../../../core/time/index.ts';
import { addressText, type LinkAddress } from './address.ts';
import { Connection, WRITE_BYTES_MAX } from './connection.ts';
import { type LinkTls, readTlsFiles, type TlsMaterial } from './tls-files.ts';

/** The WebSocket subprotocol of links. */
export const LINK_SUBPROTOCOL = 'lattice-link';

export interface DialOptions {
  clock: Clock;
  tls?: LinkTls | undefined;
}

/**
 * Connects to another broker. What is sent before it answers waits; when it does not answer, or its certificate is not of a
 * trusted authority or not for the address's host, onClose tells so. There is no timeout here: the handshake has one.
 *
 * Throws LINK_CERTIFICATE when a file of `tls` cannot be read or used.
 */
export function dial(address: LinkAddress, { clock, tls: files = {} }: DialOptions): Connection {
  const material = address.isTls ? readTlsFiles(files) : {};
  return new Connection(streamTo(address, material), clock, addressText(address));
}

function streamTo(address: LinkAddress, material: TlsMaterial): Duplex {
  const { host, port, isTls, isWebSocket } = address;
  if (isWebSocket) {
    const bounds = { perMessageDeflate: false, maxPayload: WRITE_BYTES_MAX };
    return createWebSocketStream(new WebSocket(addressText(address), LINK_SUBPROTOCOL, { ...material, ...bounds }));
  }
  if (!isTls) return connect({ host, port, noDelay: true });
  const socket = tls.connect({ ...material, host, port, ...(isIP(host) === 0 ? { servername: host } : {}) });
  socket.setNoDelay(true);
  return socket;
}
