import { newMessage } from './message.ts';
import type { Raft } from './raft.ts';
import type { Ready } from './ready.ts';
import { type Entry, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, type Message } from './types.ts';

/*
 * The messages between a member and its own storage. Without asyncStorageWrites they are not sent, but the responses are
 * stepped by advance() all the same, so that there is one way only in which the core learns of its storage.
 */

/** Tells the append thread what to write. It delivers the responses once that is on disk. */
export function storageAppend(raft: Raft, ready: Ready): Message {
  const message = newMessage('MsgStorageAppend', LOCAL_APPEND_THREAD);
  message.from = raft.id;
  message.entries = ready.entries;
  if (ready.hardState !== undefined) {
    message.term = ready.hardState.term;
    message.vote = ready.hardState.vote;
    message.commit = ready.hardState.commit;
  }
  if (ready.snapshot !== undefined) message.snapshot = ready.snapshot;
  // Last the one that ends the unstable part: until then what the others ask about it is found in memory.
  message.responses = raft.messagesAfterAppend;
  if (needsStorageAppendResponse(raft, ready)) message.responses.push(storageAppendResponse(raft, ready));
  return message;
}

export function needsStorageAppend(raft: Raft, ready: Ready): boolean {
  return (
    ready.entries.length > 0 ||
    ready.hardState !== undefined ||
    ready.snapshot !== undefined ||
    raft.messagesAfterAppend.length > 0
  );
}

export function needsStorageAppendResponse(raft: Raft, ready: Ready): boolean {
  return raft.log.unstable.length > 0 || ready.snapshot !== undefined;
}

/**
 * Says that the log is on disk as it ends now. Entries that are overwritten while they are being written, and then
 * overwritten by the very same ones of before, would make an old response look like the newest (an ABA problem: the disk
 * still has the middle ones to write). So it carries the term, and is ignored once that has changed. And so that the
 * unstable part does get confirmed, every response says so while there is one, not only that to the entries themselves: a
 * new term always writes its hard state.
 */
export function storageAppendResponse(raft: Raft, ready: Ready): Message {
  const message = newMessage('MsgStorageAppendResp', raft.id);
  message.from = LOCAL_APPEND_THREAD;
  message.term = raft.term;
  if (raft.log.unstable.length > 0) {
    message.index = raft.log.lastIndex();
    message.logTerm = raft.log.lastTerm();
  }
  if (ready.snapshot !== undefined) message.snapshot = ready.snapshot;
  return message;
}

/** Tells the apply thread what to apply. Of no term: what is committed stays so. */
export function storageApply(raft: Raft, committedEntries: Entry[]): Message {
  const message = newMessage('MsgStorageApply', LOCAL_APPLY_THREAD);
  message.from = raft.id;
  message.entries = committedEntries;
  message.responses = [storageApplyResponse(raft, committedEntries)];
  return message;
}

export function storageApplyResponse(raft: Raft, committedEntries: Entry[]): Message {
  const message = newMessage('MsgStorageApplyResp', raft.id);
  message.from = LOCAL_APPLY_THREAD;
  message.entries = committedEntries;
  return message;
}
