export {
  type Accumulator,
  type AccumulatorOptions,
  accumulatorFor,
  type Outcome,
  type Sample,
  takesType,
} from './accumulators.ts';
export { isTransform, type TimedValue, transform, windowsBefore } from './transforms.ts';
