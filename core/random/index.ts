export { type Random, seededRandom, systemRandom } from './random.ts';
