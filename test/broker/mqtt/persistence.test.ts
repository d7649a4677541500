import legacyAssert from 'node:assert';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'vitest';
import { DurablePersistence, type StoredPacket } from '../../../broker/mqtt/persistence.ts';
import { openStore } from '../support/store.ts';

interface NodeTestContext {
  plan(count: number): void;
  diagnostic(): void;
  assert: Record<string, (...values: unknown[]) => void>;
}

/** Runs a test that was written for node:test, with its `t.plan` counted. */
function nodeTest(name: string, body: (t: NodeTestContext) => Promise<void>): void {
  it(name, async () => {
    let planned: number | undefined;
    let made = 0;
    const counted = new Proxy(legacyAssert as unknown as NodeTestContext['assert'], {
      get: (target, property: string) => {
        return (...values: unknown[]) => {
          made += 1;
          target[property]?.(...values);
        };
      },
    });
    await body({
      plan: (count) => {
        planned = count;
      },
      diagnostic: () => {},
      assert: counted,
    });
    if (planned !== undefined) assert.equal(made, planned, 'assertions made as planned');
  });
}

/** The suite stores QoS 2 messages of clients that have no session, which a broker never does. */
class SuitePersistence extends DurablePersistence {
  override async incomingStorePacket(
    client: { id: string },
    packet: StoredPacket & { messageId?: number },
  ): Promise<void> {
    await this.store.commit({ kind: 'session', clientId: client.id, username: 'suite' });
    await super.incomingStorePacket(client, packet);
  }
}

describe('the suite that every persistence of Aedes must pass', () => {
  const suite = createRequire(import.meta.url)('aedes-persistence/abstract.js') as (options: object) => void;
  suite({ test: nodeTest, testAsync: true, persistence: async () => new SuitePersistence(await openStore()) });
});
