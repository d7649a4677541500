import { z } from 'zod';
import { IntervalSet } from './interval-set.ts';

/**
 * The ledger of one gateway: which sequence numbers of which life of which device have been taken, and which were
 * declared dropped. From it follow duplicates (a number taken before), gaps (numbers never seen) and the account
 *
 *     sent = taken + dropped + missing,  taken = stored + buffered + rejected by the store
 *
 * A pure fold: the caller feeds it what the buffer's log holds, in the log's order, and saves it as a snapshot together
 * with the position up to which it has been fed.
 */
export class Ledger {
  readonly #devices = new Map<string, DeviceEntry>();
  /** Readings without a sequence number, which can be neither duplicates nor missing. */
  #unsequenced = 0;
  #duplicates = 0;
  /** Boots whose ranges were given up at the bound, as totals. */
  #folded = { sent: 0, taken: 0, dropped: 0 };

  /** Whether a reading with this number has been taken before. */
  has(key: ReadingKey): boolean {
    return this.#devices.get(deviceKey(key))?.boots.get(key.boot)?.taken.has(key.seq) ?? false;
  }

  /** Notes a reading as taken; false when it had been. */
  take(key: ReadingKey): boolean {
    return this.#boot(key).taken.add(key.seq);
  }

  takeUnsequenced(): void {
    this.#unsequenced++;
  }

  countDuplicate(): void {
    this.#duplicates++;
  }

  /** Notes numbers as dropped on purpose by whoever declared it. */
  declareDropped(device: { site: string; device: string; boot: string }, fromSeq: number, toSeq: number): void {
    this.#boot({ ...device, seq: fromSeq }).dropped.addRange(fromSeq, toSeq);
  }

  totals(): LedgerTotals {
    let { sent, taken, dropped } = this.#folded;
    let missing = sent - taken - dropped;
    for (const { boots } of this.#devices.values()) {
      for (const boot of boots.values()) {
        const count = countBoot(boot);
        sent += count.sent;
        taken += count.taken;
        dropped += count.dropped;
        missing += count.missing;
      }
    }
    return {
      sent: sent + this.#unsequenced,
      taken: taken + this.#unsequenced,
      dropped,
      missing,
      duplicates: this.#duplicates,
      devices: this.#devices.size,
    };
  }

  snapshot(): LedgerSnapshot {
    return {
      unsequenced: this.#unsequenced,
      duplicates: this.#duplicates,
      folded: { ...this.#folded },
      devices: [...this.#devices].map(([key, { boots }]) => ({
        key,
        boots: [...boots].map(([boot, { taken, dropped }]) => ({
          boot,
          taken: taken.ranges.map(([from, to]) => [from, to] as [number, number]),
          dropped: dropped.ranges.map(([from, to]) => [from, to] as [number, number]),
        })),
      })),
    };
  }

  static restore(snapshot: LedgerSnapshot): Ledger {
    const ledger = new Ledger();
    ledger.#unsequenced = snapshot.unsequenced;
    ledger.#duplicates = snapshot.duplicates;
    ledger.#folded = { ...snapshot.folded };
    for (const { key, boots } of snapshot.devices) {
      const entry: DeviceEntry = { boots: new Map() };
      for (const { boot, taken, dropped } of boots) {
        entry.boots.set(boot, { taken: new IntervalSet(taken), dropped: new IntervalSet(dropped) });
      }
      ledger.#devices.set(key, entry);
    }
    return ledger;
  }

  #boot(key: ReadingKey): BootEntry {
    const name = deviceKey(key);
    let device = this.#devices.get(name);
    if (device === undefined) {
      device = { boots: new Map() };
      this.#devices.set(name, device);
    }
    let boot = device.boots.get(key.boot);
    if (boot === undefined) {
      boot = { taken: new IntervalSet(), dropped: new IntervalSet() };
      device.boots.set(key.boot, boot);
      this.#foldOldest(device);
    }
    return boot;
  }

  /** Map keeps the order of insertion, so the first boot is the oldest. */
  #foldOldest(device: DeviceEntry): void {
    if (device.boots.size <= BOOTS_PER_DEVICE_MAX) return;
    const [name, boot] = device.boots.entries().next().value as [string, BootEntry];
    device.boots.delete(name);
    const { sent, taken, dropped } = countBoot(boot);
    this.#folded.sent += sent;
    this.#folded.taken += taken;
    this.#folded.dropped += dropped;
  }
}

/** A device that restarts all the time must not fill the ledger; only its newest lives can still send duplicates. */
const BOOTS_PER_DEVICE_MAX = 16;

export interface ReadingKey {
  site: string;
  device: string;
  boot: string;
  seq: number;
}

export interface LedgerTotals {
  /** Readings that devices have numbered, as far as has been heard. */
  sent: number;
  /** Distinct readings that are in the buffer or beyond it. */
  taken: number;
  /** Declared dropped by the device or its shim. */
  dropped: number;
  /** Numbers that were skipped: on their way, or lost. */
  missing: number;
  /** Readings that came again and were left out. */
  duplicates: number;
  devices: number;
}

interface BootEntry {
  taken: IntervalSet;
  dropped: IntervalSet;
}

interface DeviceEntry {
  boots: Map<string, BootEntry>;
}

const ranges = z.array(z.tuple([z.int(), z.int()]));

export const ledgerSnapshotSchema = z.object({
  unsequenced: z.int(),
  duplicates: z.int(),
  folded: z.object({ sent: z.int(), taken: z.int(), dropped: z.int() }),
  devices: z.array(
    z.object({ key: z.string(), boots: z.array(z.object({ boot: z.string(), taken: ranges, dropped: ranges })) }),
  ),
});
export type LedgerSnapshot = z.infer<typeof ledgerSnapshotSchema>;

function deviceKey(key: { site: string; device: string }): string {
  return `${key.site}/${key.device}`;
}

function countBoot({ taken, dropped }: BootEntry): { sent: number; taken: number; dropped: number; missing: number } {
  const sent = Math.max(taken.max, dropped.max);
  // A reading that was declared dropped and came all the same counts as taken.
  let droppedOnly = 0;
  for (const [from, to] of dropped.ranges) droppedOnly += taken.missingIn(from, to);
  return { sent, taken: taken.size, dropped: droppedOnly, missing: sent - taken.size - droppedOnly };
}
