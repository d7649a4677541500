import { describe, expect, it } from 'vitest';
import { linksTable } from '../../../core/cli/links-table.ts';
import { brokerHealth } from '../../dashboards/support/mesh.ts';

const away = { backlogMessages: 1_200, backlogBytes: 1_572_864, backlogAgeMs: 300_000 };

describe('the table of links', () => {
  it('is left out where there are none', () => {
    expect(linksTable([brokerHealth('broker-1', [])])).toBeUndefined();
  });

  it('shows links, what waits, and why something was dropped', () => {
    const { links } = brokerHealth('broker-1', ['broker-2', 'broker-3']);
    const broken = { ...links[1]!, ...away, state: 'down' as const, dropped: 3, droppedBy: { volatile: 3, hops: 0 } };
    const text = linksTable([brokerHealth('broker-1', [], { links: [links[0]!, broken] })]);
    expect(text?.split('\n')).toEqual([
      'FROM      TO        STATE  RTT     WAITING                        DROPPED',
      'broker-1  broker-2  up     0.8 ms  0',
      'broker-1  broker-3  down   –       1 200 records, 1.5 MiB, 5 min  volatile 3',
    ]);
  });

  it('shows brokers further away, with the way there, and bridges', () => {
    const health = brokerHealth('broker-1', ['broker-2']);
    const [stream] = health.streams;
    const far = { ...stream!, to: 'broker-4', path: ['broker-2', 'broker-3', 'broker-4'] };
    const gone = { ...stream!, ...away, to: 'broker-5', isReachable: false, path: [], droppedBy: { age: 7 } };
    const dropped = { loop: 0, down: 2, queue: 0, refused: 0, invalid: 0 };
    const bridge = { id: 'cloud', url: 'mqtt://x', sent: 1, received: 0, queued: 5, queuedBytes: 640, dropped };
    const text = linksTable([
      { ...health, streams: [stream!, far, gone], bridges: [{ ...bridge, state: 'refused', reason: 'no rights' }] },
    ]);
    const lines = text?.split('\n').map((line) => line.replace(/ {2,}/g, ' | '));
    expect(lines?.slice(2)).toEqual([
      'broker-1 | broker-4 | via broker-2, broker-3 | – | 0',
      'broker-1 | broker-5 | no way | – | 1 200 records, 1.5 MiB, 5 min | age 7',
      'broker-1 | cloud (bridge) | refused: no rights | – | 5 messages, 640 B | down 2',
    ]);
  });
});
