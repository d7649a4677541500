import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { RaftSite } from '../../support/raft-site.ts';

const HOUR_MS = 3_600_000;
const AHEAD_MS: Record<string, number> = { 'gateway-1': -HOUR_MS, 'gateway-2': 0, 'gateway-3': 24 * HOUR_MS };

it('gateways of which no two believe the time of each other agree all the same, and none follows another', async () => {
  const site = await RaftSite.start(3, { aheadMsOf: (name) => AHEAD_MS[name] as number });
  onTestFinished(() => site.stop());
  await site.leader();
  for (const { name, coordinator } of site.all) await coordinator.put(`from/${name}`, name);
  await eventually(() => {
    for (const { machine } of site.all) expect(machine.state.query({ prefix: 'from/' }).keyValues).toHaveLength(3);
  });
  for (const { name, transport } of site.all) {
    expect(transport.hlc.now() - (Date.now() + (AHEAD_MS[name] as number))).toBeLessThan(60_000);
  }
  expect(site.member('gateway-1').transport.counters().stampsRefused).toBeGreaterThan(0);
  expect([...site.member('gateway-2').transport.hlc.refused.keys()]).toEqual(['gateway-3']);
  expect(site.member('gateway-3').transport.counters().stampsRefused).toBe(0);
});
