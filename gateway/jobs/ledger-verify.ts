import type { Coordinator } from '../coordination/index.ts';
import { LedgerVerifier, ledgerError, ledgerLines, type Trust, type Verdict } from '../ledger/index.ts';
import type { Job } from './types.ts';

export interface LedgerVerifyOptions {
  schedule: string;
  group: Pick<Coordinator, 'range'>;
  /** Whose ledger it has to be; undefined while the site has none, and then there is nothing to check. */
  trust: () => Trust | undefined;
  /** Told the verdict, good or bad. */
  publish: (verdict: Verdict) => void;
}

/** Checks the ledger entry by entry. A bad entry fails the run with LEDGER_INVALID, which names the first. */
export function ledgerVerifyJob({ schedule, group, trust, publish }: LedgerVerifyOptions): Job {
  return {
    name: 'ledger-verify',
    schedule,
    async run({ signal }) {
      const trusted = trust();
      if (trusted === undefined) return 'no ledger';
      const verifier = new LedgerVerifier(trusted);
      for await (const line of ledgerLines(group)) {
        signal.throwIfAborted();
        if (!verifier.addLine(line)) break;
      }
      const verdict = verifier.verdict();
      publish(verdict);
      if (!verdict.ok) throw ledgerError(verdict);
      return `${verdict.count} entries, head ${verdict.headHash}`;
    },
  };
}
