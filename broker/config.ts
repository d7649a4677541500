import { z } from 'zod';
import { accountSchema } from '../core/identity/index.ts';
import { timeServerSchema } from '../core/mesh-clock/index.ts';
import { HLC_AHEAD_MS_MAX } from '../core/time/index.ts';
import { BROKER_URLS_MAX, brokerUrlSchema, isMeshName } from '../core/wire/index.ts';
import { bridgesSchema } from './bridge/index.ts';
import { type LinkAddress, type LinkPeer, linkAddressSchema, linkTlsSchema } from './federation/index.ts';

const meshName = z.string().refine(isMeshName, 'must be 1 to 64 of letters, digits, dot, dash and underscore');
const port = z.int().min(0).max(65_535);
const KIB = 1_024;
const MIB = 1_024 * KIB;
const HOUR_MS = 3_600_000;

const limitsSchema = z.strictObject({
  /** The largest MQTT packet, header included. A larger one closes the connection (PACKET_TOO_LARGE). */
  packetBytesMax: z
    .int()
    .min(256)
    .max(MIB)
    .default(256 * KIB),
  /** The largest CONNECT, which comes from somebody whom nobody has authenticated yet. */
  connectPacketBytesMax: z
    .int()
    .min(256)
    .max(MIB)
    .default(64 * KIB),
  /** Sockets at a time, TCP and WebSocket together; one more is closed at once (CONNECTIONS_EXHAUSTED). */
  connectionsMax: z.int().min(1).default(5_000),
  /** Those of them whose CONNECT was not accepted yet; above it the newest is closed at once (CONNECTIONS_EXHAUSTED). */
  strangersMax: z.int().min(1).default(1_024),
  /** How long a socket may take to send CONNECT. */
  connectTimeoutMs: z.int().min(10).default(10_000),
  /** How long a client may leave its socket full before it is disconnected (CLIENT_SLOW). */
  drainTimeoutMs: z.int().min(10).default(2_000),
  /** Idle time after which TCP itself probes whether the other end is still there. */
  tcpKeepaliveMs: z.int().min(1_000).default(60_000),
  /**
   * Messages that may wait for one session, away or slow. At the bound: oldest QoS 0 first, then the oldest. What is dropped
   * was acknowledged to its publisher, and nothing in the data says that it is missing: SESSION_QUEUE_FULL in the log and
   * droppedTotal in the health do. A gateway that is to be away for longer than messages per second times this needs more,
   * and the broker about as much memory as the bytes below and half a KiB for each message.
   */
  sessionQueueMessagesMax: z.int().min(1).default(100_000),
  /** Bytes of topic and payload that may wait for one session. Same policy. */
  sessionQueueBytesMax: z
    .int()
    .min(KIB)
    .default(64 * MIB),
  /** How long a kept session waits for its client before it is ended. Counted while the broker runs: a restart begins anew. */
  sessionExpiryMs: z
    .int()
    .min(1_000)
    .default(7 * 24 * HOUR_MS),
  /** Kept sessions; one more is refused (CONNACK 3). */
  sessionsMax: z.int().min(1).default(20_000),
  /** Kept sessions of one operator or reader; one more is refused (CONNACK 3). */
  sessionsPerAccountMax: z.int().min(1).default(1_000),
  /** Kept sessions of one device, gateway or console. */
  sessionsPerMachineMax: z.int().min(1).default(16),
  /** QoS 1 and 2 messages on their way to one client that it has not acknowledged; the others wait in its queue. */
  inflightMessagesMax: z.int().min(1).max(60_000).default(1_000),
  /** QoS 2 messages from one client that wait for its PUBREL; one more closes the connection. */
  inflightInboundMax: z.int().min(1).max(60_000).default(1_000),
  /** Filters that one client may have subscribed to. */
  subscriptionsPerClientMax: z.int().min(1).default(1_000),
  /** Topics with a retained message; at the bound a new topic is routed but not retained, and counted. */
  retainedMessagesMax: z.int().min(1).default(100_000),
  /** Retained messages that were deleted and are remembered, so that a peer does not bring them back. */
  tombstonesMax: z.int().min(0).default(10_000),
  tombstoneAgeMsMax: z
    .int()
    .min(0)
    .default(24 * HOUR_MS),
});

/** A topic filter of MQTT. */
const filters = z.array(z.string().min(1).max(1_024)).max(1_000);

/** Another broker: an address as a URL, or host and port for plain TCP. */
const linkPeerSchema = z
  .strictObject({
    id: meshName,
    /** lattice://host:port, lattices://host:port (TLS), ws://host:port or wss://host:port. */
    url: linkAddressSchema.optional(),
    host: z.string().min(1).optional(),
    port: port.min(1).optional(),
    /** Topics that may leave over this link, and that may come in; all when left out. */
    exports: filters.optional(),
    imports: filters.optional(),
  })
  .transform(({ id, url, host, port: portNumber, exports, imports }, context): LinkPeer => {
    const address = url ?? (host === undefined || portNumber === undefined ? undefined : plain(host, portNumber));
    if (address === undefined) context.addIssue({ code: 'custom', message: 'needs url, or host and port' });
    return { id, address, exports, imports };
  });

function plain(host: string, portNumber: number): LinkAddress {
  return { host, port: portNumber, isTls: false, isWebSocket: false, path: '/' };
}

const linksSchema = z.strictObject({
  listen: z
    .union([
      linkAddressSchema,
      z.strictObject({ host: z.string().default('127.0.0.1'), port }).transform((at) => plain(at.host, at.port)),
    ])
    .optional(),
  /** For `lattices` and `wss`. With caFile both ends show a certificate. */
  tls: linkTlsSchema.optional(),
  /** Brokers that this one links to; each of them names this one in turn. */
  peers: z.array(linkPeerSchema).default([]),
  /** Makes this broker a leaf of the brokers named: it dials them, they need not know it, it carries nothing for others. */
  uplinks: z.array(linkPeerSchema).default([]),
  /** Whether leaves that prove the site key may link to this broker. */
  acceptsLeaves: z.boolean().default(true),
  /** Whether what crosses is compressed; it costs about 0.3 µs a message. */
  compresses: z.boolean().default(true),
  /** How long a SUBACK waits until every broker that can be reached sends what was subscribed to. */
  interestWaitMsMax: z.int().min(0).default(500),
  /** How long messages are kept for a broker that is away. */
  backlogAgeMsMax: z
    .int()
    .min(1_000)
    .default(7 * 24 * HOUR_MS),
});

/** The configuration of one broker process, as YAML. Unknown keys are faults. */
export const brokerConfigSchema = z.strictObject({
  /** Unique in the mesh; the name under which its health is published. */
  id: meshName,
  site: meshName,
  /** Folder of this broker alone; holds journal and checkpoint. */
  dataDir: z.string().min(1),
  listen: z.strictObject({
    host: z.string().default('127.0.0.1'),
    /** 0 lets the system choose. */
    port,
    /** MQTT over WebSocket, subprotocol `mqtt`; none when left out. */
    wsPort: port.optional(),
    /** Where clients reach it, for the list of brokers. Default: host and ports of above, unless host is every interface. */
    advertise: z.array(brokerUrlSchema).min(1).max(BROKER_URLS_MAX).optional(),
  }),
  /** The passwords of machines and the secret of the links are derived from it. */
  siteKey: z.string().min(16),
  accounts: z.array(accountSchema).default([]),
  links: linksSchema.prefault({}),
  /** HTTP: /metrics for Prometheus and /health; none when left out. */
  metrics: z.strictObject({ host: z.string().default('127.0.0.1'), port }).optional(),
  /** Other brokers, such as Mosquitto. One broker of a mesh runs a bridge, or each message crosses once for each that does. */
  bridges: bridgesSchema,
  /** Whether plain PUBLISH packets take the short way past Aedes. Off, every packet goes through it, at a fraction of the pace. */
  hotPath: z.boolean().default(true),
  limits: limitsSchema.prefault({}),
  clock: z
    .strictObject({
      /**
       * How far ahead of the clock here the stamps of other brokers may lie, in ms, the uncertainty of that clock not counted. What is
       * further ahead is refused and counted (HLC_STAMP_FUTURE): its retained message is delivered and not retained.
       */
      aheadMsMax: z.int().min(1_000).default(HLC_AHEAD_MS_MAX),
    })
    .prefault({}),
  /** Clients that move between brokers. */
  sessions: z
    .strictObject({
      /** How long a CONNECT waits until every broker that can be reached has said whether it knows the client id. */
      claimTimeoutMs: z.int().min(10).max(10_000).default(500),
      /** How long a client waits for what its session holds elsewhere; then it gets what is here, and the rest when it comes. */
      transferTimeoutMs: z.int().min(10).max(60_000).default(5_000),
      /** Whether the last will of a connection is published when its client has connected to another broker. */
      moveFiresWill: z.boolean().default(false),
    })
    .prefault({}),
  /** Gateways whose time this broker follows over UDP, as host:port, and stamps by; by the machine's clock when left out. */
  time: z.strictObject({ servers: z.array(timeServerSchema).min(1).max(16) }).optional(),
  journal: z
    .strictObject({
      /** Bound on disk. At the bound the oldest segment goes, which only a link that is down may still want. */
      bytesMax: z
        .int()
        .min(MIB)
        .default(1_024 * MIB),
      segmentBytes: z
        .int()
        .min(64 * KIB)
        .default(16 * MIB),
    })
    .prefault({}),
});

export type BrokerConfig = z.output<typeof brokerConfigSchema>;
export type BrokerLimits = BrokerConfig['limits'];
