import type { ClockMemberStatus, ClockStatus, NamedClock } from '../../core/wire/index.ts';

/** 2026-01-01T00:00:00Z. */
export const NEW_YEAR_MS = 1_767_225_600_000;

/** How a clock that goes well tells it; a member of gateway-2. */
export function clockStatus(fields: Partial<ClockStatus> = {}): ClockStatus {
  return {
    kind: 'absolute',
    ms: NEW_YEAR_MS,
    uncertaintyMs: 0.42,
    aheadOfWallMs: 3,
    master: 'gateway-2',
    term: 7,
    round: 1_204,
    frequencyPpm: -12.5,
    behindMs: 0.004,
    steps: 1,
    isSettled: true,
    isAlarmed: false,
    uncertaintyMsMax: 50,
    disagreements: 0,
    refused: { malformed: 0, staleTerm: 0 },
    members: [],
    ...fields,
  };
}

/** What a status lacks while nothing is known of the time. */
export function unsynchronised(fields: Partial<ClockStatus> = {}): ClockStatus {
  const { uncertaintyMs: _, master: __, ...rest } = clockStatus({ kind: 'none', isSettled: false, ...fields });
  return rest;
}

export function memberStatus(name: string, fields: Partial<ClockMemberStatus> = {}): ClockMemberStatus {
  return {
    name,
    verdict: 'accepted',
    path: 'udp',
    behindMs: 0.012,
    uncertaintyMs: 0.3,
    roundTripMsMin: 0.21,
    ratePpm: 4.1,
    samples: 64,
    impossible: 0,
    contradictions: 0,
    ...fields,
  };
}

/** As the NTP reference of a gateway tells it. */
export const NTP_REFERENCE = {
  kind: 'ntp',
  stratum: 2,
  lastSample: { atMonotonicMs: 5, utcMs: NEW_YEAR_MS, uncertaintyMs: 8.5, source: 'ntp1.example:123' },
  servers: [
    {
      name: 'ntp1.example:123',
      status: 'selected',
      reach: 255,
      stratum: 1,
      offsetMs: -0.25,
      delayMs: 12,
      rootDistanceMs: 8.5,
      pollMs: 16_000,
      rejected: {},
    },
    { name: 'ntp2.example:123', status: 'unreachable', reach: 0, pollMs: 16_000, rejected: {}, trouble: 'timeout' },
  ],
  rejected: {},
};

/** Three gateways, the second of them the master. */
export function meshClocks(fields: Partial<ClockStatus> = {}): (NamedClock & { time: ClockStatus })[] {
  const members = [memberStatus('gateway-1'), memberStatus('gateway-3', { behindMs: -1.5, path: 'tcp' })];
  return [
    { id: 'gateway-1', time: clockStatus(fields) },
    { id: 'gateway-2', time: clockStatus({ members, reference: NTP_REFERENCE, behindMs: 0, ...fields }) },
    { id: 'gateway-3', time: clockStatus(fields) },
  ];
}
