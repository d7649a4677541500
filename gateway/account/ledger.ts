import { z } from 'zod';
import { BootLedger, bootSnapshotSchema } from './boot-ledger.ts';

/** A device that restarts all the time must not fill the ledger; only its newest lives can still send duplicates. */
const BOOTS_PER_DEVICE_MAX = 16;
/** Lives whose numbers were given up are remembered by name, so that a late reading does not look like a new life. */
const CLOSED_BOOTS_PER_DEVICE_MAX = 64;
/** Devices may be made up by anybody with an account; beyond this the oldest is only counted any more. */
const DEVICES_MAX = 20_000;

/**
 * The ledger of one gateway: which sequence numbers of which life of which device have been taken, and which were
 * declared dropped. From it follow duplicates (a number taken before), gaps (numbers never seen) and the account
 *
 *     sent = taken + dropped + missing,  taken = stored + buffered + rejected by the store + lost to damage
 *
 * A pure fold: the caller feeds it what the buffer's log holds, in the log's order, and saves it as a snapshot together
 * with the position up to which it has been fed.
 */
export class Ledger {
  readonly #devices = new Map<string, DeviceEntry>();
  /** Readings without a sequence number, which can be neither duplicates nor missing. */
  #unsequenced = 0;
  #duplicates = 0;
  /** Lives whose numbers were given up at a bound, as totals. */
  #folded = { sent: 0, taken: 0, dropped: 0 };

  /** Whether a reading with this number has been taken before. */
  has(key: ReadingKey): boolean {
    return this.#devices.get(deviceKey(key))?.boots.get(key.boot)?.has(key.seq) ?? false;
  }

  /** Notes a reading as taken; false when it had been. */
  take(key: ReadingKey): boolean {
    return this.#boot(key)?.take(key.seq) ?? false;
  }

  takeUnsequenced(): void {
    this.#unsequenced++;
  }

  countDuplicate(): void {
    this.#duplicates++;
  }

  /** Notes numbers as dropped on purpose by whoever declared it. */
  declareDropped(device: Omit<ReadingKey, 'seq'>, fromSeq: number, toSeq: number): void {
    this.#boot(device)?.declareDropped(fromSeq, toSeq);
  }

  totals(): LedgerTotals {
    const totals = { ...this.#folded, missing: this.#folded.sent - this.#folded.taken - this.#folded.dropped };
    for (const { boots } of this.#devices.values()) {
      for (const boot of boots.values()) {
        const count = boot.count();
        totals.sent += count.sent;
        totals.taken += count.taken;
        totals.dropped += count.dropped;
        totals.missing += count.missing;
      }
    }
    return {
      ...totals,
      sent: totals.sent + this.#unsequenced,
      taken: totals.taken + this.#unsequenced,
      unnumbered: this.#unsequenced,
      duplicates: this.#duplicates,
      devices: this.#devices.size,
    };
  }

  snapshot(): LedgerSnapshot {
    return {
      unsequenced: this.#unsequenced,
      duplicates: this.#duplicates,
      folded: { ...this.#folded },
      devices: [...this.#devices].map(([key, { boots, closed }]) => ({
        key,
        closed: [...closed],
        boots: [...boots].map(([name, boot]) => boot.snapshot(name)),
      })),
    };
  }

  static restore(snapshot: LedgerSnapshot): Ledger {
    const ledger = new Ledger();
    ledger.#unsequenced = snapshot.unsequenced;
    ledger.#duplicates = snapshot.duplicates;
    ledger.#folded = { ...snapshot.folded };
    for (const { key, boots, closed } of snapshot.devices) {
      ledger.#devices.set(key, {
        boots: new Map(boots.map((boot) => [boot.boot, BootLedger.restore(boot)])),
        closed: new Set(closed),
      });
    }
    return ledger;
  }

  /** The life of a device, made when it is new; undefined when it is one whose numbers were given up. */
  #boot(key: Omit<ReadingKey, 'seq'>): BootLedger | undefined {
    const device = this.#device(deviceKey(key));
    const known = device.boots.get(key.boot);
    if (known !== undefined || device.closed.has(key.boot)) return known;
    const boot = new BootLedger();
    device.boots.set(key.boot, boot);
    if (device.boots.size > BOOTS_PER_DEVICE_MAX) this.#closeOldest(device);
    return boot;
  }

  #device(name: string): DeviceEntry {
    const known = this.#devices.get(name);
    if (known !== undefined) return known;
    const device: DeviceEntry = { boots: new Map(), closed: new Set() };
    this.#devices.set(name, device);
    if (this.#devices.size > DEVICES_MAX) this.#foldOldestDevice();
    return device;
  }

  /** Maps and sets keep the order of insertion, so the first is the oldest. */
  #closeOldest({ boots, closed }: DeviceEntry): void {
    const [name, boot] = boots.entries().next().value as [string, BootLedger];
    boots.delete(name);
    this.#fold(boot);
    closed.add(name);
    if (closed.size > CLOSED_BOOTS_PER_DEVICE_MAX) closed.delete(closed.values().next().value as string);
  }

  #foldOldestDevice(): void {
    const [name, { boots }] = this.#devices.entries().next().value as [string, DeviceEntry];
    this.#devices.delete(name);
    for (const boot of boots.values()) this.#fold(boot);
  }

  #fold(boot: BootLedger): void {
    const { sent, taken, dropped } = boot.count();
    this.#folded.sent += sent;
    this.#folded.taken += taken;
    this.#folded.dropped += dropped;
  }
}

export interface ReadingKey {
  site: string;
  device: string;
  boot: string;
  seq: number;
}

export interface LedgerTotals {
  /** Readings that devices have numbered, as far as has been heard, and those without a number. */
  sent: number;
  /** Distinct readings that are in the buffer or beyond it. */
  taken: number;
  /** Declared dropped by the device or its shim. */
  dropped: number;
  /** Numbers that were skipped: on their way, or lost. */
  missing: number;
  /** Of those taken, how many have no number. */
  unnumbered: number;
  /** Readings that came again and were left out. */
  duplicates: number;
  devices: number;
}

interface DeviceEntry {
  boots: Map<string, BootLedger>;
  closed: Set<string>;
}

export const ledgerSnapshotSchema = z.object({
  unsequenced: z.int(),
  duplicates: z.int(),
  folded: z.object({ sent: z.int(), taken: z.int(), dropped: z.int() }),
  devices: z.array(
    z.object({ key: z.string(), closed: z.array(z.string()).default([]), boots: z.array(bootSnapshotSchema) }),
  ),
});
export type LedgerSnapshot = z.infer<typeof ledgerSnapshotSchema>;

function deviceKey(key: { site: string; device: string }): string {
  return `${key.site}/${key.device}`;
}
