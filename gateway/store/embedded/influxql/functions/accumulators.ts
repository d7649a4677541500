import { LatticeError } from '../../../../../core/errors/index.ts';
import type { FieldType, FieldValue, ScanRow, Series } from '../../engine/index.ts';
import { addExact } from '../arithmetic.ts';
import type { ResultValue } from '../result.ts';

/** A point that an accumulator was given, with the row that it came from. */
export interface Sample {
  timeNs: bigint;
  value: FieldValue;
  row: ScanRow;
  series: Series;
}

/** A point that comes out; a selector's has the sample that it chose. */
export interface Outcome {
  value: ResultValue;
  sample?: Sample;
}

/** Folds the points of one group and one window of time. */
export interface Accumulator {
  add(sample: Sample): void;
  finish(): Outcome[];
}

type Chooser = (next: Sample, chosen: Sample) => boolean;

/** Keeps the sample that wins; ties go as in influxd. */
class Selector implements Accumulator {
  #chosen: Sample | undefined;
  readonly #wins: Chooser;

  constructor(wins: Chooser) {
    this.#wins = wins;
  }

  add(sample: Sample): void {
    if (this.#chosen === undefined || this.#wins(sample, this.#chosen)) this.#chosen = sample;
  }

  finish(): Outcome[] {
    return this.#chosen === undefined ? [] : [{ value: this.#chosen.value, sample: this.#chosen }];
  }
}

const CHOOSERS: Readonly<Record<string, Chooser>> = {
  first: (next, chosen) => next.timeNs < chosen.timeNs || (next.timeNs === chosen.timeNs && next.value > chosen.value),
  last: (next, chosen) => next.timeNs > chosen.timeNs || (next.timeNs === chosen.timeNs && next.value > chosen.value),
  min: (next, chosen) => next.value < chosen.value || (equal(next, chosen) && next.timeNs < chosen.timeNs),
  max: (next, chosen) => next.value > chosen.value || (equal(next, chosen) && next.timeNs < chosen.timeNs),
};

function equal(a: Sample, b: Sample): boolean {
  return !(a.value < b.value) && !(a.value > b.value);
}

class Count implements Accumulator {
  #count = 0;

  add(): void {
    this.#count++;
  }

  finish(): Outcome[] {
    return [{ value: this.#count }];
  }
}

class Sum implements Accumulator {
  #sum: number | bigint = 0;
  readonly #isInteger: boolean;

  constructor(type: FieldType) {
    this.#isInteger = type === 'integer';
  }

  add({ value }: Sample): void {
    this.#sum = this.#isInteger ? addExact(this.#sum, value as number | bigint) : (this.#sum as number) + Number(value);
  }

  finish(): Outcome[] {
    return [{ value: this.#sum }];
  }
}

class Mean implements Accumulator {
  #sum = 0;
  #count = 0;

  add({ value }: Sample): void {
    this.#sum += Number(value);
    this.#count++;
  }

  finish(): Outcome[] {
    return [{ value: this.#sum / this.#count }];
  }
}

class Spread implements Accumulator {
  #min: number | bigint | undefined;
  #max: number | bigint | undefined;

  add(sample: Sample): void {
    const value = sample.value as number | bigint;
    if (this.#min === undefined || value < this.#min) this.#min = value;
    if (this.#max === undefined || value > this.#max) this.#max = value;
  }

  finish(): Outcome[] {
    if (this.#min === undefined || this.#max === undefined) return [];
    return [{ value: addExactOrFloat(this.#max, this.#min) }];
  }
}

function addExactOrFloat(max: number | bigint, min: number | bigint): number | bigint {
  if (typeof max === 'number' && typeof min === 'number') return max - min;
  return addExact(BigInt(max), -BigInt(min));
}

/** Sample standard deviation; Welford 1962. */
class StdDev implements Accumulator {
  #count = 0;
  #mean = 0;
  #squares = 0;

  add({ value }: Sample): void {
    const x = Number(value);
    this.#count++;
    const delta = x - this.#mean;
    this.#mean += delta / this.#count;
    this.#squares += delta * (x - this.#mean);
  }

  finish(): Outcome[] {
    return [{ value: this.#count < 2 ? null : Math.sqrt(this.#squares / (this.#count - 1)) }];
  }
}

/** For what needs all the samples at once. */
class Collector implements Accumulator {
  readonly #samples: Sample[] = [];
  readonly #summarise: (samples: Sample[]) => Outcome[];

  constructor(summarise: (samples: Sample[]) => Outcome[]) {
    this.#summarise = summarise;
  }

  add(sample: Sample): void {
    this.#samples.push(sample);
  }

  finish(): Outcome[] {
    return this.#samples.length === 0 ? [] : this.#summarise(this.#samples);
  }
}

const byTime = (a: Sample, b: Sample): number => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0);
const byValue = (a: Sample, b: Sample): number => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0);

function median(samples: Sample[]): Outcome[] {
  samples.sort(byValue);
  const middle = samples.length >> 1;
  const high = Number((samples[middle] as Sample).value);
  if (samples.length % 2 === 1) return [{ value: high }];
  const low = Number((samples[middle - 1] as Sample).value);
  return [{ value: low + (high - low) / 2 }];
}

function mode(samples: Sample[]): Outcome[] {
  samples.sort(byTime);
  const counts = new Map<FieldValue, number>();
  for (const { value } of samples) counts.set(value, (counts.get(value) ?? 0) + 1);
  let most: FieldValue = (samples[0] as Sample).value;
  for (const [value, count] of counts) if (count > (counts.get(most) as number)) most = value;
  return [{ value: most }];
}

function distinct(samples: Sample[]): Outcome[] {
  samples.sort((a, b) => byTime(a, b) || byValue(a, b));
  return [...new Set(samples.map((sample) => sample.value))].map((value) => ({ value }));
}

/** Nearest rank. */
function percentile(percent: number): (samples: Sample[]) => Outcome[] {
  return (samples) => {
    samples.sort((a, b) => byValue(a, b) || byTime(a, b));
    const sample = samples[Math.floor((samples.length * percent) / 100 + 0.5) - 1];
    return sample === undefined ? [] : [{ value: sample.value, sample }];
  };
}

function extremes(name: 'top' | 'bottom', count: number, tags: readonly string[]): (samples: Sample[]) => Outcome[] {
  const direction = name === 'top' ? -1 : 1;
  return (samples) => {
    samples.sort((a, b) => byValue(a, b) * direction || byTime(a, b));
    return onePerTagSet(samples, tags)
      .slice(0, count)
      .sort(byTime)
      .map((sample) => ({ value: sample.value, sample }));
  };
}

/** With tags among the arguments, each combination of their values gives its best sample only. */
function onePerTagSet(samples: Sample[], tags: readonly string[]): Sample[] {
  if (tags.length === 0) return samples;
  const seen = new Set<string>();
  return samples.filter((sample) => {
    const key = JSON.stringify(tags.map((tag) => sample.series.tags.get(tag) ?? ''));
    return seen.has(key) ? false : seen.add(key);
  });
}

/** Area under the points by trapezoids, in value times unit. */
function integral(unitNs: bigint): (samples: Sample[]) => Outcome[] {
  return (samples) => {
    samples.sort(byTime);
    let area = 0;
    for (let at = 1; at < samples.length; at++) {
      const left = samples[at - 1] as Sample;
      const right = samples[at] as Sample;
      area += (0.5 * (Number(left.value) + Number(right.value)) * Number(right.timeNs - left.timeNs)) / Number(unitNs);
    }
    return [{ value: area }];
  };
}

export interface AccumulatorOptions {
  type: FieldType;
  /** percentile's percent, or how many top and bottom give. */
  number: number;
  /** integral's unit. */
  unitNs: bigint;
  /** top's and bottom's tags. */
  tags: readonly string[];
}

const NUMERIC_ONLY = new Set(['mean', 'sum', 'spread', 'stddev', 'median', 'percentile', 'integral', 'top', 'bottom']);
const ORDERED_ONLY = new Set(['min', 'max']);

/** Whether a function takes fields of a type. */
export function takesType(name: string, type: FieldType): boolean {
  if (NUMERIC_ONLY.has(name)) return type === 'float' || type === 'integer';
  return !ORDERED_ONLY.has(name) || type !== 'string';
}

/** A new accumulator for an aggregate or a selector. Throws QUERY_SYNTAX on a type that the function does not take. */
export function accumulatorFor(name: string, options: AccumulatorOptions): Accumulator {
  if (!takesType(name, options.type)) {
    throw new LatticeError(
      'QUERY_SYNTAX',
      `unsupported ${name} iterator type: *query.${options.type}InterruptIterator`,
    );
  }
  const chooser = CHOOSERS[name];
  if (chooser !== undefined) return new Selector(chooser);
  switch (name) {
    case 'count':
      return new Count();
    case 'sum':
      return new Sum(options.type);
    case 'mean':
      return new Mean();
    case 'spread':
      return new Spread();
    case 'stddev':
      return new StdDev();
    case 'median':
      return new Collector(median);
    case 'mode':
      return new Collector(mode);
    case 'distinct':
      return new Collector(distinct);
    case 'percentile':
      return new Collector(percentile(options.number));
    case 'integral':
      return new Collector(integral(options.unitNs));
    case 'top':
    case 'bottom':
      return new Collector(extremes(name, options.number, options.tags));
    default:
      throw new LatticeError('QUERY_SYNTAX', `undefined function ${name}()`);
  }
}
