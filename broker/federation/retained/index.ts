export { beginComparison, decodeEntries, isBeginning, onDigest, onKeys, type RetainedMessage } from './comparison.ts';
export { RetainedDigest, type RetainedKey } from './retained-digest.ts';
