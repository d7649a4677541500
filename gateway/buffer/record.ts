import { z } from 'zod';
import {
  type Gap,
  gapSchema,
  type Health,
  healthSchema,
  isProbe,
  type LinkGap,
  linkGapSchema,
  type StampedReading,
  TIME_QUALITIES,
} from '../../core/wire/index.ts';

/** What a gateway keeps on disk until the store has it: readings, declared gaps, and the mesh's own health and gaps. */
export type BufferRecord =
  | { type: 'reading'; reading: StampedReading }
  | { type: 'gap'; site: string; device: string; atMs: number; gap: Gap }
  | { type: 'health'; site: string; health: Health }
  | { type: 'linkgap'; site: string; gap: LinkGap }
  /** Bytes that passed the log's checksum and are no record of this version; kept so that they can be told of. */
  | { type: 'unreadable'; bytes: Uint8Array };

export type Readable = Exclude<BufferRecord, { type: 'unreadable' }>;

/** Whether a record is part of the account: a reading of the fleet, not a probe's. */
export function isCounted(record: BufferRecord): record is Extract<BufferRecord, { type: 'reading' }> {
  return record.type === 'reading' && !isProbe(record.reading.device);
}

/** The form on disk: JSON with short keys, in which a reading of three metrics has some 120 bytes. */
const stored = z.union([
  z.object({
    r: z.tuple([
      z.string(),
      z.string(),
      z.string().nullable(),
      z.int().nullable(),
      z.int(),
      z.enum(TIME_QUALITIES),
      z.int().nullish(),
    ]),
    m: z.record(z.string(), z.union([z.number(), z.boolean(), z.string()])),
  }),
  z.object({ g: z.tuple([z.string(), z.string(), z.int()]), gap: gapSchema }),
  z.object({ h: z.string(), health: healthSchema }),
  z.object({ l: z.string(), linkGap: linkGapSchema }),
]);

export function encodeRecord(record: Readable): Uint8Array {
  return Buffer.from(JSON.stringify(toStored(record)));
}

export function decodeRecord(bytes: Uint8Array): BufferRecord {
  const value = parseStored(bytes);
  if (value === undefined) return { type: 'unreadable', bytes };
  if ('r' in value) {
    const [site, device, boot, seq, tsMs, timeQuality, tieBreak] = value.r;
    const reading = {
      site,
      device,
      boot: boot ?? undefined,
      seq: seq ?? undefined,
      tsMs,
      timeQuality,
      tieBreak: tieBreak ?? undefined,
      metrics: value.m,
    };
    return { type: 'reading', reading };
  }
  if ('g' in value) {
    const [site, device, atMs] = value.g;
    return { type: 'gap', site, device, atMs, gap: value.gap };
  }
  if ('l' in value) return { type: 'linkgap', site: value.l, gap: value.linkGap };
  return { type: 'health', site: value.h, health: value.health };
}

function parseStored(bytes: Uint8Array): z.output<typeof stored> | undefined {
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    return stored.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function toStored(record: Readable): z.input<typeof stored> {
  switch (record.type) {
    case 'reading': {
      const { site, device, boot, seq, tsMs, timeQuality, tieBreak, metrics } = record.reading;
      return { r: [site, device, boot ?? null, seq ?? null, tsMs, timeQuality, tieBreak ?? null], m: metrics };
    }
    case 'gap':
      return { g: [record.site, record.device, record.atMs], gap: record.gap };
    case 'health':
      return { h: record.site, health: record.health };
    case 'linkgap':
      return { l: record.site, linkGap: record.gap };
  }
}
