import type { Transport } from '../../transport/index.ts';
import { CarriedProbes, type CarriedProbesOptions } from './carried-probes.ts';

const CHANNEL = 'clock-probe';

export interface TransportProbesOptions extends CarriedProbesOptions {
  /** Knows the peers by the same names. */
  transport: Pick<Transport, 'send' | 'onFrame'>;
}

/** Probes over the connections between gateways. */
export class TransportProbes extends CarriedProbes {
  constructor(options: TransportProbesOptions) {
    const { transport } = options;
    super(options, {
      path: 'tcp',
      send: (peer, bytes) => transport.send(peer, CHANNEL, bytes),
      onPacket: (listener) =>
        transport.onFrame(CHANNEL, (peer, bytes) => listener({ bytes, address: peer, bearer: peer })),
    });
  }
}
