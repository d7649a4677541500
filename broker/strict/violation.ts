import { LatticeError } from '../../core/errors/index.ts';

/** Why a client is sent away, and the CONNACK return code that it is told first, if the standard has one for the case. */
export interface Violation {
  error: LatticeError;
  connackCode?: 1 | 2;
}

/** PACKET_MALFORMED; `clause` is the number of the normative statement in MQTT 3.1.1, or the section where it has none. */
export function malformed(clause: string, detail: string): Violation {
  return { error: new LatticeError('PACKET_MALFORMED', `${detail} [${clause}].`) };
}

export function tooLarge(packetBytes: number, bytesMax: number): Violation {
  return {
    error: new LatticeError('PACKET_TOO_LARGE', `A packet of ${packetBytes} bytes; the limit is ${bytesMax}.`),
  };
}
