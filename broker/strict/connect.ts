import { LatticeError } from '../../core/errors/index.ts';
import { textFault, topicNameFault } from './text.ts';
import { malformed, type Violation } from './violation.ts';

const LEVEL_31 = 3;
const LEVEL_311 = 4;

const FLAG_RESERVED = 0x01;
const FLAG_CLEAN = 0x02;
const FLAG_WILL = 0x04;
const FLAG_WILL_RETAIN = 0x20;
const FLAG_PASSWORD = 0x40;
const FLAG_USER_NAME = 0x80;

/** What a valid CONNECT says of the client; nothing secret. */
export interface ConnectSummary {
  clientId: string;
  protocolLevel: number;
}

/** Checks the body of a CONNECT packet, MQTT 3.1.1 section 3.1. */
export function checkConnect(bytes: Uint8Array, start: number, end: number): Violation | ConnectSummary {
  let at = start;
  /** Reads a length-prefixed field: sets fieldStart and moves on; false when it overruns the packet. */
  let fieldStart = 0;
  const takeField = (): boolean => {
    if (at + 2 > end) return false;
    fieldStart = at + 2;
    at = fieldStart + (((bytes[fieldStart - 2] as number) << 8) | (bytes[fieldStart - 1] as number));
    return at <= end;
  };

  if (!takeField()) return overrun('protocol name');
  const name = latin1(bytes, fieldStart, Math.min(at, fieldStart + 8));
  if (name !== 'MQTT' && name !== 'MQIsdp') {
    return unsupported('The protocol name is neither MQTT nor MQIsdp [MQTT-3.1.2-1].');
  }
  if (at >= end) return overrun('protocol level');
  const protocolLevel = bytes[at++] as number;
  if (protocolLevel !== (name === 'MQTT' ? LEVEL_311 : LEVEL_31)) {
    return { ...unsupported(`Protocol level ${protocolLevel} of ${name} [MQTT-3.1.2-2].`), connackCode: 1 };
  }

  if (at + 3 > end) return overrun('connect flags and keep alive');
  const flags = bytes[at] as number;
  at += 3;
  if ((flags & FLAG_RESERVED) !== 0) return malformed('MQTT-3.1.2-3', 'The reserved connect flag is set');
  const hasWill = (flags & FLAG_WILL) !== 0;
  const willQos = (flags >> 3) & 3;
  if (!hasWill && willQos !== 0) return malformed('MQTT-3.1.2-13', 'A will QoS without a will');
  if (!hasWill && (flags & FLAG_WILL_RETAIN) !== 0)
    return malformed('MQTT-3.1.2-15', 'A will retain flag without a will');
  if (willQos === 3) return malformed('MQTT-3.1.2-14', 'Will QoS 3');
  const hasUserName = (flags & FLAG_USER_NAME) !== 0;
  const hasPassword = (flags & FLAG_PASSWORD) !== 0;
  if (hasPassword && !hasUserName) return malformed('MQTT-3.1.2-22', 'A password without a user name');

  if (!takeField()) return overrun('client id');
  const clientIdFault = textFault(bytes, fieldStart, at, 'client id');
  if (clientIdFault !== undefined) return clientIdFault;
  const clientId = Buffer.from(bytes.buffer, bytes.byteOffset + fieldStart, at - fieldStart).toString('utf8');
  // MQTT 3.1 has no empty client ids at all; 3.1.1 makes one up, but a session that outlives the connection needs a name.
  const rejected = clientId === '' && ((flags & FLAG_CLEAN) === 0 || protocolLevel === LEVEL_31);

  if (hasWill) {
    if (!takeField()) return overrun('will topic');
    const willFault = topicNameFault(bytes, fieldStart, at, 'will topic');
    if (willFault !== undefined) return willFault;
    if (!takeField()) return overrun('will message');
  }
  if (hasUserName) {
    if (!takeField()) return overrun('user name');
    const userNameFault = textFault(bytes, fieldStart, at, 'user name');
    if (userNameFault !== undefined) return userNameFault;
  }
  if (hasPassword && !takeField()) return overrun('password');
  if (at !== end) return malformed('MQTT-3.1.3-1', `${end - at} bytes behind the last field of CONNECT`);
  if (rejected) {
    return { ...malformed('MQTT-3.1.3-8', 'An empty client id for a session that is to be kept'), connackCode: 2 };
  }
  return { clientId, protocolLevel };
}

function overrun(field: string): Violation {
  return malformed('MQTT-3.1.3-1', `The ${field} overruns the CONNECT packet`);
}

function unsupported(detail: string): Violation {
  return { error: new LatticeError('PROTOCOL_UNSUPPORTED', detail) };
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}
