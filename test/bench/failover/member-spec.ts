import type { Place } from './places.ts';

/** What member.ts is told, as JSON in its argument. */
export interface MemberSpec {
  place: Place;
  /** All that the group begins with, this one among them. */
  members: { name: string; address: string }[];
  /** Lengths of the blocks of the event loop, drawn evenly; as much time passes between two. Not blocked when left out. */
  blocked?: { msMin: number; msMax: number; seed: string };
}
