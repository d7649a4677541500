import type { TransportCounters } from './types.ts';

export function newCounters(): TransportCounters {
  return {
    framesSent: 0,
    framesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    droppedNotConnected: 0,
    droppedQueueFull: 0,
    droppedTooLarge: 0,
    droppedNoListener: 0,
    streamsSent: 0,
    streamsReceived: 0,
    streamsFailed: 0,
    connectionsOpened: 0,
    connectionsLost: 0,
    strangersTurnedAway: 0,
    handshakesFailed: 0,
    framesInvalid: 0,
    stampsRefused: 0,
  };
}
