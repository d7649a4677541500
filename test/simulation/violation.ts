/** Something that must never happen has happened in a simulation. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
