/** Blocks this thread for 50 to 200 ms, by turns. Returns how long, in ms. */
export function holdUp(turn: number): number {
  const heldMs = 50 + ((turn * 70) % 151);
  const endMs = performance.now() + heldMs;
  while (performance.now() < endMs);
  return heldMs;
}
