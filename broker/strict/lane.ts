/** Takes packets of an open connection out of the stream before the broker behind it sees them. */
export interface PacketLane {
  /**
   * Offers the packet at [start, end), whose fixed header is good and ends at bodyStart; its body was not checked. True when it
   * was taken, which only a valid packet may be. False leaves it to be checked and passed on, in its place among the others.
   */
  take(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean;
  /** Called behind each chunk of the socket. False when nothing more should be read before the stream's readOn() is called. */
  chunkDone(): boolean;
}
