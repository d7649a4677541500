import { codeOf } from '../../core/errors/index.ts';
import { runSim } from '../../device-sim/index.ts';

try {
  process.exitCode = await runSim(JSON.parse(process.argv[2] as string));
} catch (error) {
  process.stdout.write(codeOf(error));
  process.exitCode = 9;
}
