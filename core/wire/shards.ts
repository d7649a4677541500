import { createHash } from 'node:crypto';

/**
 * Devices are hashed onto 64 virtual shards, and shards onto gateways by rendezvous hashing (Thaler & Ravishankar 1998):
 * every gateway computes the same owner from the same list, and when one goes only its own shards move.
 *
 * Our brokers serve each shard as a topic space of its own, `$shard/{n}/{topic}`, so that a gateway receives only the
 * devices that it owns.
 */
export const SHARD_COUNT = 64;

const SHARD_TOPIC = /^\$shard\/(\d{1,2})\/(.+)$/s;

/** The shard of a device, 0 to 63. The site is part of the name, since device ids are unique only within a site. */
export function shardOf(site: string, device: string): number {
  return fnv1a(`${site}/${device}`) % SHARD_COUNT;
}

/** The shard of any topic below mesh/v1; undefined elsewhere. */
export function shardOfTopic(topic: string): number | undefined {
  if (!topic.startsWith('mesh/v1/')) return undefined;
  const siteEnd = topic.indexOf('/', 8);
  if (siteEnd < 0) return undefined;
  const deviceEnd = topic.indexOf('/', siteEnd + 1);
  return fnv1a(topic.slice(8, deviceEnd < 0 ? undefined : deviceEnd)) % SHARD_COUNT;
}

/** A topic or a filter inside a shard's space. */
export function shardTopic(shard: number, topic: string): string {
  return `$shard/${shard}/${topic}`;
}

/** Takes `$shard/{n}/{topic}` apart; undefined for any other topic. */
export function parseShardTopic(text: string): { shard: number; topic: string } | undefined {
  const match = SHARD_TOPIC.exec(text);
  if (match === null) return undefined;
  const shard = Number(match[1]);
  return shard < SHARD_COUNT ? { shard, topic: match[2] as string } : undefined;
}

/** The members in order of preference for a shard: the first owns it, the second stands by. */
export function shardPreference(shard: number, members: readonly string[]): string[] {
  return members
    .map((member) => ({ member, score: rendezvousScore(member, shard) }))
    .sort((a, b) => (a.score === b.score ? (a.member < b.member ? -1 : 1) : a.score > b.score ? -1 : 1))
    .map(({ member }) => member);
}

/** The shards that a member owns. */
export function shardsOwnedBy(member: string, members: readonly string[]): number[] {
  const owned: number[] = [];
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    if (shardPreference(shard, members)[0] === member) owned.push(shard);
  }
  return owned;
}

/** 48 bits of SHA-256: few calls, and an even spread matters more than speed. */
function rendezvousScore(member: string, shard: number): number {
  return createHash('sha256').update(`${member}#${shard}`).digest().readUIntBE(0, 6);
}

/** FNV-1a, 32 bits, over UTF-16 units, mixed once more; the hot path computes it for every message. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  // The low bits of FNV mix poorly on short names that differ in the last character only.
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}
