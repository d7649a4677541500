import { runStore } from '../../../gateway/store/index.ts';

/** The embedded store as a process of its own, for tests that kill it. */
process.exitCode = await runStore(process.argv[2] as string);
