import net from 'node:net';

/** What a turn of the event loop reads at most from one connection; one buffer for all of them. */
const READ_BYTES = 64 * 1_024;

/** A socket that is read without a buffer of its own, and without the machinery of streams. */
export interface SharedRead {
  socket: net.Socket;
  /** Told of each chunk; it is gone when the callback returns. */
  onChunk: (callback: (chunk: Buffer) => void) => void;
}

interface Handover extends net.Socket {
  _handle: unknown;
  _server: unknown;
}

/**
 * Reads the sockets of a server into one buffer. Node makes 64 KiB for each chunk otherwise, cuts them down to what came, and
 * leaves them to the garbage collector: with one small message in each, that costs more than the message.
 *
 * `onread` is an option of Node's sockets, but not of those that a server makes. So the server's socket hands its handle over
 * to one that is made with it, as the cluster module does. The server has to be made with `pauseOnConnect`.
 */
export function sharedReader(): (accepted: net.Socket) => SharedRead {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  return (accepted) => {
    let take: (chunk: Buffer) => void = () => {};
    const from = accepted as Handover;
    const options = {
      handle: from._handle,
      allowHalfOpen: accepted.allowHalfOpen,
      onread: {
        buffer,
        callback: (bytes: number): boolean => {
          take(buffer.subarray(0, bytes));
          return true;
        },
      },
    };
    const socket = new net.Socket(options as net.SocketConstructorOpts);
    // The server counts its connections, and is closed when the last one is.
    (socket as Handover)._server = from._server;
    from._server = null;
    from._handle = null;
    return {
      socket,
      onChunk: (callback) => {
        take = callback;
        socket.resume();
      },
    };
  };
}
