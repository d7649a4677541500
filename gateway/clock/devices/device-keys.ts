import type { KeyObject } from 'node:crypto';
import { derivedPassword } from '../../../core/identity/index.ts';
import { timePacketKey } from '../../../core/mesh-time/index.ts';

const KEYS_MAX = 4_096;

/** The keys of devices that have proven theirs, since a key takes three hashes; whoever has not costs no memory. */
export class DeviceKeys {
  readonly #siteKey: string;
  readonly #proven = new Map<string, KeyObject>();

  constructor(siteKey: string) {
    this.#siteKey = siteKey;
  }

  keyOf(device: string): KeyObject {
    return this.#proven.get(device) ?? timePacketKey(derivedPassword(this.#siteKey, 'device', device));
  }

  proved(device: string, key: KeyObject): void {
    if (this.#proven.has(device)) return;
    const [oldest] = this.#proven.keys();
    if (this.#proven.size >= KEYS_MAX && oldest !== undefined) this.#proven.delete(oldest);
    this.#proven.set(device, key);
  }
}
