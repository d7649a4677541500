import { runShim } from '../../firmware-shim/index.ts';

process.exitCode = await runShim({ configFile: process.argv[2] });
