import { runBroker } from '../../../broker/index.ts';

/** The broker as a process of its own, for tests that kill it: node broker-process.ts CONFIG. */
process.exitCode = await runBroker(process.argv[2] as string);
process.exit();
