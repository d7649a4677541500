import { Counter, Gauge, type Registry } from 'prom-client';
import type { HlcClock } from '../../core/time/index.ts';
import { type ClockMemberStatus, type ClockStatus, clockStatusSchema, isMaster } from '../../core/wire/index.ts';

/** Puts how the clock of the gateway of this name goes into a registry. What is not known has no series, rather than a 0. */
export function fillTimeMetrics(registry: Registry, gateway: string, time: ClockStatus): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: number | undefined): void => {
    if (value !== undefined) new Gauge({ name: `lattice_time_${name}`, help, registers }).set(value);
  };
  const counter = (name: string, help: string, value: number): void => {
    new Counter({ name: `lattice_time_${name}_total`, help, registers }).inc(value);
  };
  gauge('uncertainty_ms', 'By so much mesh time may be wrong here', time.uncertaintyMs);
  gauge('behind_ms', 'What this clock has still to catch up with mesh time', time.behindMs);
  gauge('frequency_ppm', 'By so much this clock runs faster than the monotonic one of its machine', time.frequencyPpm);
  gauge(
    'is_master',
    '1 when this gateway is the master of the time of its site',
    Number(isMaster({ id: gateway, time })),
  );
  gauge('round', 'Number of the last round of synchronisation', time.round);
  gauge('alarm', '1 while the uncertainty is beyond its bound', Number(time.isAlarmed));
  counter('steps', 'Times that this clock jumped', time.steps);
  counter('disagreements', 'Rounds in which no majority of the clocks agreed', time.disagreements);
  const kind = new Gauge({
    name: 'lattice_time_kind',
    help: 'What the clock is synchronised with, 1 for the kind that it is: nothing, the other gateways, UTC',
    labelNames: ['kind'],
    registers,
  });
  for (const each of clockStatusSchema.shape.kind.options) kind.set({ kind: each }, Number(each === time.kind));
  const refused = new Counter({
    name: 'lattice_time_refused_total',
    help: 'Messages and probes that were refused',
    labelNames: ['reason'],
    registers,
  });
  for (const [reason, count] of Object.entries(time.refused)) refused.inc({ reason }, count);
  fillMembers(registry, time.members);
}

/** What a master knows of the others. */
function fillMembers(registry: Registry, members: readonly ClockMemberStatus[]): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: (member: ClockMemberStatus) => number | undefined): void => {
    const family = new Gauge({ name: `lattice_time_member_${name}`, help, labelNames: ['member'], registers });
    for (const member of members) {
      const known = value(member);
      if (known !== undefined) family.set({ member: member.name }, known);
    }
  };
  gauge('offset_ms', 'What the clock of a member is behind mesh time', ({ behindMs }) => behindMs);
  gauge('round_trip_ms', 'Smallest round trip of the probes to a member', ({ roundTripMsMin }) => roundTripMsMin);
  gauge('uncertainty_ms', 'By so much the offset of a member may be wrong', ({ uncertaintyMs }) => uncertaintyMs);
  const rejected = new Counter({
    name: 'lattice_time_member_rejected_total',
    help: 'Probes of a member that could not be used',
    labelNames: ['member', 'reason'],
    registers,
  });
  for (const { name: member, impossible, contradictions } of members) {
    rejected.inc({ member, reason: 'impossible' }, impossible);
    rejected.inc({ member, reason: 'contradiction' }, contradictions);
  }
}

/** The hybrid clock that stamps what this gateway tells the others. */
export function fillHlcMetrics(registry: Registry, hlc: HlcClock): void {
  const registers = [registry];
  const driftHelp = 'The hybrid clock ahead of the wall time, in ms';
  new Gauge({ name: 'lattice_hlc_drift_ms', help: driftHelp, registers }).set(hlc.driftMs);
  const refusedHelp = 'Stamps of others that lay too far in the future to be believed';
  const refused = new Counter({
    name: 'lattice_hlc_refused_total',
    help: refusedHelp,
    labelNames: ['peer'],
    registers,
  });
  for (const [peer, count] of hlc.refused) refused.inc({ peer }, count);
}
