import { codeOf } from '../../../core/errors/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { createStore, type FencedStore, storeTargetSchema } from '../../../gateway/store/index.ts';

/** A leader as a process of its own, for tests that make it stand still: each message is a write in its name. */
const store = createStore(storeTargetSchema.parse(JSON.parse(process.argv[2] as string)), { clock: systemClock });
const fence = { scope: 'home/leader', token: Number(process.argv[3]) };

process.on('message', ({ timeNs, value }: { timeNs: string; value: number }) => {
  (store as FencedStore)
    .writeFenced(fence, [{ measurement: 'm', tags: {}, fields: { v: value }, timeNs: BigInt(timeNs) }])
    .then(
      () => process.send?.('stored'),
      (error) => process.send?.(codeOf(error) ?? String(error)),
    );
});
process.send?.('ready');
