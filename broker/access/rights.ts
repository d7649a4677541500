import { LatticeError } from '../../core/errors/index.ts';
import type { Identity } from '../../core/identity/index.ts';
import {
  BROKERS_TOPIC,
  filterCovers,
  HOME_ASSISTANT_STATUS_TOPIC,
  isMeshName,
  MESH_ROOT,
  parseShareFilter,
  type TopicKind,
} from '../../core/wire/index.ts';
import { isAwayFilter } from '../shares/index.ts';
import { parseShardFilter } from '../state/index.ts';

const MESH = `${MESH_ROOT}/#`;
const HOME_ASSISTANT = 'homeassistant/#';
const SYSTEM = '$SYS/#';

/**
 * Bytes of the longest topic or filter that clients may use. MQTT allows 65,535; the broker adds the prefix of a shard's space,
 * keeps topics in its caches, and tells peers of them.
 */
export const TOPIC_BYTES_MAX = 1_024;

/** TOPIC_INVALID when a topic or a filter is too long. */
export function topicFault(topic: string): LatticeError | undefined {
  const bytes = Buffer.byteLength(topic);
  if (bytes <= TOPIC_BYTES_MAX) return undefined;
  return new LatticeError('TOPIC_INVALID', `A topic of ${bytes} bytes; the limit is ${TOPIC_BYTES_MAX}.`);
}

/** What a device may say. */
const DEVICE_KINDS: readonly TopicKind[] = ['state', 'availability', 'meta', 'gap', 'time'];

/** What an account may do at a site, as filters; whatever one of them covers is allowed. */
interface Rights {
  publish: readonly string[];
  subscribe: readonly string[];
  /** Whether it may subscribe inside of shard spaces, to filters that `subscribe` covers. */
  shards: boolean;
}

/** Rights are asked for with every message, so they are looked up once for each login and site. */
const known = new WeakMap<Identity, { site: string; rights: Rights }>();

function rightsOf(identity: Identity, site: string): Rights {
  const cached = known.get(identity);
  if (cached?.site === site) return cached.rights;
  const rights = rightsByRole(identity, site);
  known.set(identity, { site, rights });
  return rights;
}

/** The table of rights, one row for each role. */
function rightsByRole({ username, role }: Identity, site: string): Rights {
  switch (role) {
    case 'device': {
      if (!isMeshName(username)) return { publish: [], subscribe: [], shards: false };
      const own = `${MESH_ROOT}/${site}/${username}`;
      // Health is what brokers and gateways say of themselves, dead letters what they say of devices, `now` what they say to them.
      const publish = DEVICE_KINDS.map((kind) => `${own}/${kind}`);
      return { publish, subscribe: [`${own}/#`, HOME_ASSISTANT_STATUS_TOPIC, BROKERS_TOPIC], shards: false };
    }
    case 'gateway':
      return { publish: [MESH, HOME_ASSISTANT], subscribe: [MESH, HOME_ASSISTANT, BROKERS_TOPIC], shards: true };
    case 'console':
      return { publish: [], subscribe: [MESH, HOME_ASSISTANT, SYSTEM], shards: false };
    case 'reader':
      return { publish: [HOME_ASSISTANT_STATUS_TOPIC], subscribe: [MESH, HOME_ASSISTANT, SYSTEM], shards: false };
    case 'operator':
      return { publish: [MESH, HOME_ASSISTANT], subscribe: [MESH, HOME_ASSISTANT, SYSTEM], shards: true };
    default:
      return role satisfies never;
  }
}

export function mayPublish(identity: Identity, site: string, topic: string): boolean {
  return rightsOf(identity, site).publish.some((allowed) => filterCovers(allowed, topic));
}

export function maySubscribe(identity: Identity, site: string, filter: string): boolean {
  const { subscribe, shards } = rightsOf(identity, site);
  if (filter.startsWith('$shard/')) {
    const sharded = parseShardFilter(filter);
    return shards && sharded !== undefined && subscribe.some((allowed) => filterCovers(allowed, sharded.filter));
  }
  const shared = filter.startsWith('$share/') ? parseShareFilter(filter) : undefined;
  if (shared === undefined) return subscribe.some((allowed) => filterCovers(allowed, filter));
  // The spaces of shards and $SYS are not shared, and groups with the mark are for brokers among themselves.
  if (shared.filter.startsWith('$') || isAwayFilter(filter)) return false;
  return subscribe.some((allowed) => filterCovers(allowed, shared.filter));
}
