import { topicFilterFault, topicNameFault } from './text.ts';
import { malformed, type Violation } from './violation.ts';

/** Control packet types, MQTT 3.1.1 table 2.1; those that a client may send. */
export const CONNECT = 1;
export const PUBLISH = 3;
const PUBACK = 4;
const PUBREC = 5;
const PUBREL = 6;
const PUBCOMP = 7;
const SUBSCRIBE = 8;
const UNSUBSCRIBE = 10;
const PINGREQ = 12;
export const DISCONNECT = 14;

/** The flags that each type must carry, table 2.2, and the clause that says so. */
const REQUIRED_FLAGS: Record<number, { flags: number; clause: string }> = {
  [CONNECT]: { flags: 0, clause: 'MQTT-2.2.2-2' },
  [PUBACK]: { flags: 0, clause: 'MQTT-2.2.2-2' },
  [PUBREC]: { flags: 0, clause: 'MQTT-2.2.2-2' },
  [PUBREL]: { flags: 2, clause: 'MQTT-3.6.1-1' },
  [PUBCOMP]: { flags: 0, clause: 'MQTT-2.2.2-2' },
  [SUBSCRIBE]: { flags: 2, clause: 'MQTT-3.8.1-1' },
  [UNSUBSCRIBE]: { flags: 2, clause: 'MQTT-3.10.1-1' },
  [PINGREQ]: { flags: 0, clause: 'MQTT-2.2.2-2' },
  [DISCONNECT]: { flags: 0, clause: 'MQTT-3.14.1-1' },
};

/** Checks the first byte of a packet: its type, its flags, and its place in the connection. */
export function checkFirstByte(first: number, connected: boolean): Violation | undefined {
  const type = first >> 4;
  const flags = first & 0x0f;
  if (!connected && type !== CONNECT) return malformed('MQTT-3.1.0-1', 'The first packet is not CONNECT');
  if (connected && type === CONNECT) return malformed('MQTT-3.1.0-2', 'A second CONNECT');
  if (type === PUBLISH) {
    const qos = (flags >> 1) & 3;
    if (qos === 3) return malformed('MQTT-3.3.1-4', 'PUBLISH with QoS 3');
    if (qos === 0 && (flags & 8) !== 0) return malformed('MQTT-3.3.1-2', 'DUP on a PUBLISH of QoS 0');
    return undefined;
  }
  const required = REQUIRED_FLAGS[type];
  if (required === undefined) {
    return malformed('MQTT-4.8.0-1, section 2.2.1', `A client may not send packet type ${type}`);
  }
  if (flags !== required.flags) return malformed(required.clause, `Reserved flags ${flags} on packet type ${type}`);
  return undefined;
}

/** Checks the body of any packet but CONNECT. */
export function checkBody(first: number, bytes: Uint8Array, start: number, end: number): Violation | undefined {
  switch (first >> 4) {
    case PUBLISH:
      return checkPublish((first >> 1) & 3, bytes, start, end);
    case PUBACK:
    case PUBREC:
    case PUBREL:
    case PUBCOMP:
      if (end - start !== 2) return wrongLength('An acknowledgement', end - start, 2);
      return packetIdFault(bytes, start, end);
    case SUBSCRIBE:
      return checkSubscribe(bytes, start, end);
    case UNSUBSCRIBE:
      return checkUnsubscribe(bytes, start, end);
    default:
      return start === end ? undefined : wrongLength('PINGREQ or DISCONNECT', end - start, 0);
  }
}

function checkPublish(qos: number, bytes: Uint8Array, start: number, end: number): Violation | undefined {
  const topicEnd = fieldEnd(bytes, start, end);
  if (topicEnd === -1) return overrun('topic name', 'MQTT-3.3.2-1');
  const fault = topicNameFault(bytes, start + 2, topicEnd, 'topic name');
  if (fault !== undefined) return fault;
  return qos === 0 ? undefined : packetIdFault(bytes, topicEnd, end);
}

function checkSubscribe(bytes: Uint8Array, start: number, end: number): Violation | undefined {
  const idFault = packetIdFault(bytes, start, end);
  if (idFault !== undefined) return idFault;
  let at = start + 2;
  if (at === end) return malformed('MQTT-3.8.3-3', 'SUBSCRIBE without a topic filter');
  while (at < end) {
    const filterEnd = fieldEnd(bytes, at, end);
    if (filterEnd === -1) return overrun('topic filter', 'MQTT-3.8.3-1');
    const fault = topicFilterFault(bytes, at + 2, filterEnd);
    if (fault !== undefined) return fault;
    if (filterEnd === end) return overrun('requested QoS', 'MQTT-3.8.3-3');
    // The standard itself writes this clause with a dash in the place of the first dot.
    if ((bytes[filterEnd] as number) > 2) return malformed('MQTT-3-8.3-4', 'The requested QoS is not 0, 1 or 2');
    at = filterEnd + 1;
  }
  return undefined;
}

function checkUnsubscribe(bytes: Uint8Array, start: number, end: number): Violation | undefined {
  const idFault = packetIdFault(bytes, start, end);
  if (idFault !== undefined) return idFault;
  let at = start + 2;
  if (at === end) return malformed('MQTT-3.10.3-2', 'UNSUBSCRIBE without a topic filter');
  while (at < end) {
    const filterEnd = fieldEnd(bytes, at, end);
    if (filterEnd === -1) return overrun('topic filter', 'MQTT-3.10.3-1');
    const fault = topicFilterFault(bytes, at + 2, filterEnd);
    if (fault !== undefined) return fault;
    at = filterEnd;
  }
  return undefined;
}

/** Where a length-prefixed field ends, -1 when it overruns the packet. */
function fieldEnd(bytes: Uint8Array, start: number, end: number): number {
  if (start + 2 > end) return -1;
  const fieldEnd = start + 2 + (((bytes[start] as number) << 8) | (bytes[start + 1] as number));
  return fieldEnd <= end ? fieldEnd : -1;
}

function packetIdFault(bytes: Uint8Array, at: number, end: number): Violation | undefined {
  if (at + 2 > end) return overrun('packet identifier', 'MQTT-2.3.1-1');
  if (bytes[at] === 0 && bytes[at + 1] === 0) return malformed('MQTT-2.3.1-1', 'Packet identifier 0');
  return undefined;
}

function overrun(field: string, clause: string): Violation {
  return malformed(clause, `The ${field} overruns the packet`);
}

function wrongLength(what: string, bodyBytes: number, expected: number): Violation {
  return malformed('MQTT-4.8.0-1, section 2.2.3', `${what} with a body of ${bodyBytes} bytes, not ${expected}`);
}
