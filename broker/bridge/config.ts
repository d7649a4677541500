import { z } from 'zod';

import { brokerUrlSchema, isMeshName } from '../../core/wire/index.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;

const prefix = z
  .string()
  .max(512)
  .refine((text) => !/[+#\0]/.test(text), 'a prefix has no wildcards')
  .default('');

/** `#` alone and at the end, `+` alone in its level (MQTT 3.1.1, 4.7.1). */
const filter = z
  .string()
  .min(1)
  .max(512)
  .refine((text) => !text.includes('\0') && text.split('/').every(isLevel), 'not an MQTT filter');

const routeSchema = z
  .strictObject({
    /** `in`: from the other broker to this one. `out`: from this one to the other. */
    direction: z.enum(['in', 'out', 'both']),
    /** Topics that cross, without their prefixes. */
    filter,
    /** Stands before the filter here: `localPrefix` + x is `remotePrefix` + x at the other broker. */
    localPrefix: prefix,
    remotePrefix: prefix,
    /** The highest QoS with which a message crosses. One of QoS 2 crosses with QoS 1: at least once, as over our links. */
    qos: z.union([z.literal(0), z.literal(1)], 'the highest QoS of a bridge is 0 or 1').default(1),
  })
  .refine((route) => !`${route.localPrefix}${route.filter}`.startsWith('$'), 'what begins with $ stays in the mesh')
  .refine(
    (route) => !/^\$(SYS|share|queue)\//.test(`${route.remotePrefix}${route.filter}`),
    'what another broker says of itself, and shared subscriptions, cannot be bridged',
  );

/** A bridge to one broker of another kind, or of another mesh. */
export const bridgeSchema = z
  .strictObject({
    /** Unique in this broker; names the session in which messages for the other broker wait. */
    id: z.string().refine(isMeshName, 'must be 1 to 64 of letters, digits, dot, dash and underscore'),
    url: brokerUrlSchema,
    /** 5 when the other broker speaks it: then loops are recognised for certain. 4 is MQTT 3.1.1. */
    protocolVersion: z.union([z.literal(4), z.literal(5)]).default(5),
    /**
     * Says in a CONNECT of MQTT 3.1.1 that this is a bridge, as Mosquitto's `try_private` does: the other broker then keeps
     * retain flags and sends nothing back. Left out once the other broker refuses it; false for one that hangs up instead.
     */
    bridgeBit: z.boolean().default(true),
    username: z.string().min(1).optional(),
    password: z.string().optional(),
    /** A file whose first line is the password; read at each attempt to connect. */
    passwordFile: z.string().min(1).optional(),
    /** Default: made of the mesh's key, the broker and the bridge, so that no two are the same. */
    clientId: z.string().min(1).max(256).optional(),
    /** PEM files; read at each attempt to connect. */
    tls: z
      .strictObject({
        caFile: z.string().min(1).optional(),
        certFile: z.string().min(1).optional(),
        keyFile: z.string().min(1).optional(),
      })
      .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
        error: 'certFile and keyFile go together',
      })
      .optional(),
    keepaliveS: z.int().min(1).max(65_535).default(30),
    /** True: what the other broker has for this one while the bridge is down is not kept there. */
    cleanStart: z.boolean().default(false),
    /** The first one that fits a topic decides. */
    routes: z.array(routeSchema).min(1),
    /** Messages that may wait for the other broker. At the bound: oldest QoS 0 first, then the oldest; counted. */
    queueMessagesMax: z.int().min(1).default(100_000),
    /** Bytes of topic and payload that may wait for it. Same policy. */
    queueBytesMax: z
      .int()
      .min(KIB)
      .default(64 * MIB),
    /** Messages on their way that the other broker has not acknowledged; it may ask for fewer. */
    inflightMessagesMax: z.int().min(1).max(60_000).default(1_000),
  })
  .refine(({ password, passwordFile }) => password === undefined || passwordFile === undefined, {
    error: 'password or passwordFile, not both',
    path: ['passwordFile'],
  })
  .refine(
    ({ username, password, passwordFile }) => username !== undefined || (password ?? passwordFile) === undefined,
    {
      error: 'a password needs a user name',
      path: ['username'],
    },
  );

export const bridgesSchema = z
  .array(bridgeSchema)
  .refine((bridges) => new Set(bridges.map(({ id }) => id)).size === bridges.length, 'an id stands there twice')
  .default([]);

export type BridgeConfig = z.output<typeof bridgeSchema>;
export type BridgeRoute = z.output<typeof routeSchema>;

function isLevel(level: string, at: number, levels: string[]): boolean {
  if (level === '#') return at === levels.length - 1;
  return level === '+' || !/[+#]/.test(level);
}
