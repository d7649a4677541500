import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { HlcClock } from '../../../core/time/index.ts';
import { fillHlcMetrics, fillTimeMetrics } from '../../../gateway/api/time-metrics.ts';
import { clockStatus, memberStatus, unsynchronised } from '../../support/clocks.ts';

async function metricsOf(gateway: string, time = clockStatus()): Promise<string> {
  const registry = new Registry();
  fillTimeMetrics(registry, gateway, time);
  return (await registry.metrics()).replaceAll(/^(#.*)?\n/gm, '');
}

describe('the metrics of the time', () => {
  it('are of the clock itself, and of the members at the master', async () => {
    const { behindMs: _, ...unmeasured } = memberStatus('gateway-3', { verdict: 'unmeasured' });
    const time = clockStatus({
      refused: { staleTerm: 4 },
      disagreements: 2,
      isAlarmed: true,
      members: [memberStatus('gateway-1', { impossible: 3 }), unmeasured],
    });
    const page = await metricsOf('gateway-2', time);
    expect(page.trim().split('\n').sort()).toEqual([
      'lattice_time_alarm 1',
      'lattice_time_behind_ms 0.004',
      'lattice_time_disagreements_total 2',
      'lattice_time_frequency_ppm -12.5',
      'lattice_time_is_master 1',
      'lattice_time_kind{kind="absolute"} 1',
      'lattice_time_kind{kind="none"} 0',
      'lattice_time_kind{kind="relative"} 0',
      'lattice_time_member_offset_ms{member="gateway-1"} 0.012',
      'lattice_time_member_rejected_total{member="gateway-1",reason="contradiction"} 0',
      'lattice_time_member_rejected_total{member="gateway-1",reason="impossible"} 3',
      'lattice_time_member_rejected_total{member="gateway-3",reason="contradiction"} 0',
      'lattice_time_member_rejected_total{member="gateway-3",reason="impossible"} 0',
      'lattice_time_member_round_trip_ms{member="gateway-1"} 0.21',
      'lattice_time_member_round_trip_ms{member="gateway-3"} 0.21',
      'lattice_time_member_uncertainty_ms{member="gateway-1"} 0.3',
      'lattice_time_member_uncertainty_ms{member="gateway-3"} 0.3',
      'lattice_time_refused_total{reason="staleTerm"} 4',
      'lattice_time_round 1204',
      'lattice_time_steps_total 1',
      'lattice_time_uncertainty_ms 0.42',
    ]);
  });

  it('have no uncertainty while nothing is known, and no master that is another', async () => {
    const page = await metricsOf('gateway-1', unsynchronised());
    expect(page).not.toContain('lattice_time_uncertainty_ms');
    expect(page).toContain('lattice_time_kind{kind="none"} 1');
    expect(page).toContain('lattice_time_is_master 0');
  });
});

it('the metrics of the hybrid clock name who is too far ahead', async () => {
  const hlc = new HlcClock({ clock: { wallMs: () => 1_000_000, monotonicMs: () => 0 } });
  hlc.receive(1_005_000, 'gateway-2');
  hlc.receive(9_000_000, 'gateway-3');
  const registry = new Registry();
  fillHlcMetrics(registry, hlc);
  const page = await registry.metrics();
  expect(page).toContain('lattice_hlc_refused_total{peer="gateway-3"} 1');
  expect(Number(/^lattice_hlc_drift_ms (.*)$/m.exec(page)?.[1])).toBeCloseTo(5_000, 0);
});
