import { LatticeError, messageOf } from '../errors/index.ts';

/** CONNACK return codes of MQTT 3.1.1, section 3.2.2.3. */
const SERVER_UNAVAILABLE = 3;
const BAD_CREDENTIALS = 4;
const NOT_AUTHORIZED = 5;

/** Whether the broker is there and takes no clients: it drains, or has as many as it may have. */
export function isTurnedAway(error: Error): boolean {
  return codeOf(error) === SERVER_UNAVAILABLE;
}

/** Why there is no connection: AUTH_FAILED or UNREACHABLE. */
export function connectError(error: Error, broker: string): LatticeError {
  const code = codeOf(error);
  if (code === BAD_CREDENTIALS || code === NOT_AUTHORIZED) {
    return new LatticeError('AUTH_FAILED', `${broker} refused the user name or the password.`, { cause: error });
  }
  // Node gives an AggregateError without a text when every address of a host refused.
  return new LatticeError('UNREACHABLE', `${broker}: ${messageOf(error) || String(code ?? 'no answer')}.`, {
    cause: error,
  });
}

function codeOf(error: Error): unknown {
  return 'code' in error ? error.code : undefined;
}
