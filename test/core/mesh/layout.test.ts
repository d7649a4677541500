import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MeshChoice, planMesh, portsOf } from '../../../core/mesh/index.ts';

const choice = (fields: Partial<MeshChoice> = {}): MeshChoice => ({
  brokers: 2,
  gateways: 3,
  devices: 20,
  demo: true,
  ...fields,
});

describe('planMesh', () => {
  it('uses the ports that clients expect', () => {
    const layout = planMesh(choice());
    expect(layout.brokers[0]).toEqual({ id: 'broker-1', port: 1883, wsPort: 9001, linkPort: 7883, metricsPort: 9883 });
    expect(layout.brokers.map(({ port }) => port)).toEqual([1883, 1884]);
    expect(layout.gateways.map(({ id }) => id)).toEqual(['gateway-1', 'gateway-2', 'gateway-3']);
    expect([layout.store.port, layout.console.port]).toEqual([8086, 8080]);
    expect(layout.host).toBe('127.0.0.1');
  });

  it('gives every listener a port of its own within 80 of the base, for any choice', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 16 }),
        fc.option(fc.integer({ min: 1, max: 65_455 }), { nil: undefined }),
        (brokers, gateways, portBase) => {
          const ports = portsOf(planMesh(choice({ brokers, gateways, portBase }))).map(({ port }) => port);
          expect(ports).toHaveLength(4 * brokers + 2 * gateways + 2);
          expect(new Set(ports).size).toBe(ports.length);
          expect(Math.min(...ports)).toBeGreaterThanOrEqual(portBase ?? 1883);
          expect(Math.max(...ports)).toBeLessThan(portBase === undefined ? 65_536 : portBase + 80);
        },
      ),
    );
  });

  it.each([
    ['--brokers', { brokers: 0 }],
    ['--brokers', { brokers: 9 }],
    ['--brokers', { brokers: 1.5 }],
    ['--gateways', { gateways: 0 }],
    ['--gateways', { gateways: 17 }],
    ['--devices', { devices: -1 }],
    ['--devices', { devices: 20_001 }],
    ['--port-base', { portBase: 0 }],
    ['--port-base', { portBase: 65_456 }],
  ])('refuses %s out of range: %o', (option, fields) => {
    expect(() => planMesh(choice(fields))).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(option) }),
    );
  });
});
