import { LatticeError } from '../../core/errors/index.ts';
import type { FrameListener, PeerDown, PeerId, StreamListener, Transport, Unsubscribe } from './types.ts';

/** Who listens to what of a transport. The same for every transport. */
export class Listeners implements Pick<Transport, 'onFrame' | 'onStream' | 'onPeerUp' | 'onPeerDown'> {
  readonly #frames = new Map<string, FrameListener>();
  readonly #streams = new Map<string, StreamListener>();
  readonly #ups = new Set<(peer: PeerId) => void>();
  readonly #downs = new Set<(peer: PeerId, down: PeerDown) => void>();

  onFrame(channel: string, listener: FrameListener): Unsubscribe {
    return only(this.#frames, channel, listener);
  }

  onStream(channel: string, listener: StreamListener): Unsubscribe {
    return only(this.#streams, channel, listener);
  }

  onPeerUp(listener: (peer: PeerId) => void): Unsubscribe {
    this.#ups.add(listener);
    return () => this.#ups.delete(listener);
  }

  onPeerDown(listener: (peer: PeerId, down: PeerDown) => void): Unsubscribe {
    this.#downs.add(listener);
    return () => this.#downs.delete(listener);
  }

  frameListener(channel: string): FrameListener | undefined {
    return this.#frames.get(channel);
  }

  streamListener(channel: string): StreamListener | undefined {
    return this.#streams.get(channel);
  }

  tellUp(peer: PeerId): void {
    for (const listener of this.#ups) listener(peer);
  }

  tellDown(peer: PeerId, down: PeerDown): void {
    for (const listener of this.#downs) listener(peer, down);
  }
}

function only<Listener>(listeners: Map<string, Listener>, channel: string, listener: Listener): Unsubscribe {
  if (listeners.has(channel)) throw new LatticeError('INTERNAL', `Channel ${channel} has a listener already.`);
  listeners.set(channel, listener);
  return () => {
    if (listeners.get(channel) === listener) listeners.delete(channel);
  };
}
