import { z } from 'zod';

const SCHEME = /^(mqtts?|wss?):\/\/[^/\s]+/;

/** Address of a broker: mqtt, mqtts, ws or wss. Credentials do not belong in it: it is logged. */
export const brokerUrlSchema = z
  .string()
  .regex(SCHEME, 'a broker is mqtt://host:port, mqtts://, ws:// or wss://')
  .refine((url) => URL.canParse(url), 'there is no such host or port (at most 65535)')
  .refine((url) => !url.includes('@'), 'credentials do not belong in the address; use username and password');
