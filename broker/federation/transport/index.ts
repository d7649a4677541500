export { addressText, type LinkAddress, linkAddressSchema } from './address.ts';
export { Connection } from './connection.ts';
export { type DialOptions, dial } from './dial.ts';
export { type LinkListener, type ListenOptions, listen } from './listen.ts';
export { type ShakeHandsOptions, shakeHands } from './shake-hands.ts';
export { Strangers } from './strangers.ts';
export { type LinkTls, linkTlsSchema } from './tls-files.ts';
