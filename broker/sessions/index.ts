export { type ClaimRequest, Claims, type ClaimsOptions } from './claims.ts';
export type { GivenSession } from './giver.ts';
export { encodeMoved, type MovedDelivery, MovedReader, type SessionImage } from './moved.ts';
export { Mover, type MoverOptions, type MoveStore } from './mover.ts';
