/*
 * The load generator: a process of its own, so that it has a core of its own, told what to do over IPC (see spec.ts).
 */
import { once } from 'node:events';
import { runLoad } from './run.ts';
import type { FromLoad, ToLoad } from './spec.ts';

const tell = (message: FromLoad): unknown => process.send?.(message);
process.on('disconnect', () => process.exit());

const [message] = (await once(process, 'message')) as [ToLoad];
if (message.type !== 'run') throw new Error('The first message says what to run.');
try {
  const result = await runLoad(message.spec, async (type) => {
    const go = once(process, 'message');
    tell({ type });
    await go;
  });
  tell({ type: 'result', result });
} catch (error) {
  tell({ type: 'failed', reason: (error as Error).message });
}
