import { LatticeError } from '../errors/index.ts';

/**
 * The topic space of the mesh: mesh/v1/{site}/{device}/{kind}.
 *
 * A site and a device are 1 to 64 of letters, digits, dot, dash and underscore. A device is anything with an account of
 * its own; brokers and gateways publish their health under their own ids.
 */
export const MESH_ROOT = 'mesh/v1';

/** What stands behind the device in a topic. */
export const TOPIC_KINDS = [
  /** A reading: flat JSON, QoS 1. See reading.ts. */
  'state',
  /** `online` or `offline`, retained, QoS 1; `offline` is the last will. */
  'availability',
  /** What the device is: JSON, retained, QoS 1. See device-meta.ts. */
  'meta',
  /** Readings that the device dropped on purpose, QoS 1. See gap.ts. */
  'gap',
  /** Commands to the device, QoS 1; to a broker: broker-command.ts. */
  'cmd',
  /** What a broker answers to a command: JSON, QoS 0. See broker-command.ts. */
  'reply',
  /** Health of a broker or gateway: JSON, QoS 0, every 5 s. See health.ts. */
  'health',
  /** Messages for other brokers that a broker gave up: JSON, QoS 1. See link-gap.ts. */
  'linkgap',
  /** What was refused, with code and reason: JSON. See dead-letter.ts. */
  'deadletter',
  /**
   * A question for the time, QoS 0: of a device, see core/mesh-time/follow/messages.ts; to a gateway, the packets by which
   * gateways measure each other's clocks, see gateway/clock/probe/packet.ts.
   */
  'time',
  /** What a gateway answers to a device's question for the time: JSON, QoS 0. See core/mesh-time/follow/messages.ts. */
  'now',
] as const;

export type TopicKind = (typeof TOPIC_KINDS)[number];

export interface MeshTopic {
  site: string;
  device: string;
  kind: TopicKind;
}

/** Devices whose names start so are probes of `lattice doctor`. */
export const PROBE_DEVICE_PREFIX = 'lattice-doctor-';

/** Whether a device is a probe: its readings go all the way to the store, and are no part of the fleet or the account. */
export function isProbe(device: string): boolean {
  return device.startsWith(PROBE_DEVICE_PREFIX);
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether a text may stand as a site or a device in a topic. */
export function isMeshName(text: string): boolean {
  return NAME.test(text);
}

/** Builds a topic. Throws TOPIC_INVALID when site or device is no mesh name. */
export function meshTopic(site: string, device: string, kind: TopicKind): string {
  for (const name of [site, device]) {
    if (!isMeshName(name)) throw new LatticeError('TOPIC_INVALID', `"${name}" cannot stand in a topic.`);
  }
  return `${MESH_ROOT}/${site}/${device}/${kind}`;
}

/** A subscription filter; a part that is left out matches anything. */
export function meshFilter(parts: { site?: string; device?: string; kind?: TopicKind } = {}): string {
  return `${MESH_ROOT}/${parts.site ?? '+'}/${parts.device ?? '+'}/${parts.kind ?? '+'}`;
}

/** Takes a topic apart; undefined when it is not one of the mesh. */
export function parseMeshTopic(topic: string): MeshTopic | undefined {
  const parts = topic.split('/');
  if (parts.length !== 5 || parts[0] !== 'mesh' || parts[1] !== 'v1') return undefined;
  const [, , site, device, kind] = parts as [string, string, string, string, string];
  if (!isMeshName(site) || !isMeshName(device) || !isTopicKind(kind)) return undefined;
  return { site, device, kind };
}

function isTopicKind(text: string): text is TopicKind {
  return (TOPIC_KINDS as readonly string[]).includes(text);
}

/** Whether an MQTT filter matches a topic (MQTT 3.1.1 section 4.7, with the rule on a leading `$`). */
export function filterMatches(filter: string, topic: string): boolean {
  const filterLevels = filter.split('/');
  const topicLevels = topic.split('/');
  if (topic.startsWith('$') && (filterLevels[0] === '#' || filterLevels[0] === '+')) return false;
  for (let level = 0; level < filterLevels.length; level++) {
    if (filterLevels[level] === '#') return true;
    if (level >= topicLevels.length) return false;
    if (filterLevels[level] !== '+' && filterLevels[level] !== topicLevels[level]) return false;
  }
  return filterLevels.length === topicLevels.length;
}

/** Whether every topic that a filter matches (or that topic, if it is one) is matched by the wide filter too. */
export function filterCovers(wide: string, filter: string): boolean {
  // `#` and `+` do not reach topics that begin with $ [MQTT-4.7.2-1].
  if (filter.startsWith('$') && !wide.startsWith('$')) return false;
  const wideLevels = wide.split('/');
  const levels = filter.split('/');
  for (let at = 0; at < wideLevels.length; at++) {
    const wideLevel = wideLevels[at];
    const level = levels[at];
    if (wideLevel === '#') return true;
    if (level === undefined || level === '#') return false;
    if (wideLevel !== '+' && wideLevel !== level) return false;
  }
  return levels.length === wideLevels.length;
}
