import { z } from 'zod';
import type { MeshTime, TimeKind } from '../../../core/mesh-time/index.ts';

/** `time.devices` of a gateway's configuration. Over MQTT devices are answered without it. */
export const deviceTimeSchema = z.strictObject({
  /** Where devices and brokers are answered over UDP; nowhere when left out. */
  listen: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535) }).optional(),
});
export type DeviceTimeConfig = z.output<typeof deviceTimeSchema>;

/** Mesh time at a moment of the machine's monotonic clock; of kind `none` while this gateway has none. */
export type MeshAt = (monotonicMs: number) => MeshTime & { kind: TimeKind };

export interface DeviceTimeCounts {
  answered: number;
  /** What was no question, by its form or its fields. */
  malformed: number;
  /** Datagrams whose tag does not fit the name that they claim. */
  forged: number;
  /** Questions that came a second time; they are not answered again. */
  replayed: number;
}

export function noDeviceTimeCounts(): DeviceTimeCounts {
  return { answered: 0, malformed: 0, forged: 0, replayed: 0 };
}
