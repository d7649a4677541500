import { type ByteReader, ByteWriter } from '../../../core/bytes/index.ts';
import { LatticeError } from '../../../core/errors/index.ts';
import type { Message } from '../raft/types.ts';
import { readEntry, writeEntry } from './entry.ts';
import { codecFault, decodeWhole } from './fault.ts';
import { readSnapshotMetadata, writeSnapshotMetadata } from './state.ts';
import { MESSAGE_TYPES, messageTypeNumber } from './type-numbers.ts';

/*
 * A message is: its type and its flags, a byte each; to, from, term, logTerm, index, commit, vote and rejectHint as varints
 * (LEB128); the entries behind their count; then what the flags say is there. A heartbeat takes 11 bytes while its numbers
 * are small.
 */
const FLAG_REJECT = 1;
const FLAG_SNAPSHOT = 2;
const FLAG_CONTEXT = 4;
const FLAG_RESPONSES = 8;
const FLAGS_KNOWN = FLAG_REJECT | FLAG_SNAPSHOT | FLAG_CONTEXT | FLAG_RESPONSES;

/** Throws INTERNAL for responses that have responses themselves, which Raft does not make. */
export function encodeMessage(message: Message): Buffer {
  const writer = new ByteWriter();
  writeMessage(writer, message, true);
  return writer.written();
}

/** What the message holds of data, context and snapshot are views of the bytes. Throws PEER_FRAME_INVALID. */
export function decodeMessage(bytes: Uint8Array): Message {
  return decodeWhole(bytes, (reader) => readMessage(reader, true));
}

function writeMessage(writer: ByteWriter, message: Message, mayHaveResponses: boolean): void {
  const { snapshot, context, responses } = message;
  writer.byte(messageTypeNumber(message.type));
  writer.byte(
    (message.reject ? FLAG_REJECT : 0) |
      (snapshot === undefined ? 0 : FLAG_SNAPSHOT) |
      (context === undefined ? 0 : FLAG_CONTEXT) |
      (responses === undefined ? 0 : FLAG_RESPONSES),
  );
  writer.varint(message.to);
  writer.varint(message.from);
  writer.varint(message.term);
  writer.varint(message.logTerm);
  writer.varint(message.index);
  writer.varint(message.commit);
  writer.varint(message.vote);
  writer.varint(message.rejectHint);
  writer.list(message.entries, writeEntry);
  if (snapshot !== undefined) {
    writeSnapshotMetadata(writer, snapshot.metadata);
    writer.sized(snapshot.data);
  }
  if (context !== undefined) writer.sized(context);
  if (responses === undefined) return;
  if (!mayHaveResponses) throw new LatticeError('INTERNAL', `A response ${message.type} with responses of its own.`);
  writer.list(responses, (_, response) => writeMessage(writer, response, false));
}

function readMessage(reader: ByteReader, mayHaveResponses: boolean): Message {
  const type = reader.oneOf(MESSAGE_TYPES);
  const flags = reader.byte();
  if ((flags & ~FLAGS_KNOWN) !== 0) throw codecFault(`Unknown flags of a message, ${flags}.`);
  const message: Message = {
    type,
    reject: (flags & FLAG_REJECT) !== 0,
    to: reader.varint(),
    from: reader.varint(),
    term: reader.varint(),
    logTerm: reader.varint(),
    index: reader.varint(),
    commit: reader.varint(),
    vote: reader.varint(),
    rejectHint: reader.varint(),
    entries: reader.list(readEntry),
  };
  if ((flags & FLAG_SNAPSHOT) !== 0) {
    message.snapshot = { metadata: readSnapshotMetadata(reader), data: reader.sized() };
  }
  if ((flags & FLAG_CONTEXT) !== 0) message.context = reader.sized();
  if ((flags & FLAG_RESPONSES) === 0) return message;
  if (!mayHaveResponses) throw codecFault(`A response ${type} with responses of its own.`);
  message.responses = reader.list(() => readMessage(reader, false));
  return message;
}
