export { Changer } from './changer.ts';
export { formatConfChanges, parseConfChanges } from './notation.ts';
export { restore } from './restore.ts';
