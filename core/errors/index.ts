export { ERROR_CODES, type ErrorCode } from './codes.ts';
export { EXIT, errorLine, exitCodeOf } from './exit-codes.ts';
export { codeOf, errnoOf, LatticeError, messageOf } from './lattice-error.ts';
