import { MemberBook } from './member-book.ts';

/** A snapshot's data: how long the book of members is, the book, and the state machine's own snapshot. */
export function joinSnapshot(book: MemberBook, state: Uint8Array): Uint8Array {
  const members = new TextEncoder().encode(book.toJson());
  const data = new Uint8Array(4 + members.length + state.length);
  new DataView(data.buffer).setUint32(0, members.length);
  data.set(members, 4);
  data.set(state, 4 + members.length);
  return data;
}

/** Throws RangeError or SyntaxError when it is no snapshot. */
export function splitSnapshot(data: Uint8Array): { book: MemberBook; state: Uint8Array } {
  const bytes = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0);
  const members = new TextDecoder().decode(data.subarray(4, 4 + bytes));
  return { book: MemberBook.fromJson(members), state: data.subarray(4 + bytes) };
}
