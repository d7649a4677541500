import { noRefusals } from './refusals.ts';
import { type ProbeCounters, REFUSAL_REASONS } from './types.ts';

export function noCounters(): ProbeCounters {
  const own = { probesSent: 0, notSent: 0, exchanges: 0, unanswered: 0, answered: 0, rejectedLag: 0 };
  return { ...own, refused: noRefusals() };
}

export function addCounters(a: ProbeCounters, b: ProbeCounters): ProbeCounters {
  const refused = noRefusals();
  for (const reason of REFUSAL_REASONS) refused[reason] = a.refused[reason] + b.refused[reason];
  return {
    probesSent: a.probesSent + b.probesSent,
    notSent: a.notSent + b.notSent,
    exchanges: a.exchanges + b.exchanges,
    unanswered: a.unanswered + b.unanswered,
    answered: a.answered + b.answered,
    rejectedLag: a.rejectedLag + b.rejectedLag,
    refused,
  };
}
