import type { Command } from 'commander';
import { dataOption, jsonOption, run, whole } from '../../core/cli/options.ts';

/* The commands about the time of the mesh. What carries them out is loaded when one is called. */
export function addTimeCommands(program: Command): void {
  const time = program
    .command('time')
    .description('the time of the mesh, and how the clock of every gateway goes')
    .usage('[options] | <command>')
    .addHelpText(
      'after',
      `
Without a command it shows the clocks; see \`lattice time show --help\` for the options.

Examples:
  $ npx lattice time                                    every clock, once
  $ npx lattice time --watch                            again each second
  $ npx lattice time set --to reference --yes           step to the reference outside`,
    );
  time
    .command('show', { isDefault: true })
    .description('mesh time with its uncertainty, and the clock of every gateway')
    .addOption(dataOption())
    .option('--watch', 'again and again, until Ctrl-C', false)
    .option('--interval-s <n>', 'seconds between two pictures of --watch', whole(1, 3600), 1)
    .option('--iterations <n>', 'end --watch after so many (default: never)', whole(1, Number.MAX_SAFE_INTEGER))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
BEHIND is what a clock is behind mesh time: as its master has measured it, else what it has still to catch up. The true
time lies within ±. KIND says with what the clock is synchronised: NONE, relative (the other gateways alone) or absolute (UTC).

Exit code 1 when a gateway does not answer, its clock is not synchronised, may be wrong by more than is allowed or disagrees
with the others, or when two gateways contradict each other about the time; with --watch by the last picture.

Examples:
  $ npx lattice time
  $ npx lattice time --watch --interval-s 5
  $ npx lattice time --json`,
    )
    .action(run(async (options) => (await import('../../core/cli/time.ts')).time(options)));
  time
    .command('set')
    .description('set the time of the mesh, at its master')
    .requiredOption('--to <time>', 'reference, wall (the clock of the machine of the master), or a moment in ISO 8601')
    .option('--yes', 'it may go backwards by it, and what is ordered by time with it', false)
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
All clocks of the mesh jump; otherwise they only ever go faster or slower. It is entered in the ledger. Without --yes nothing is
done (exit code 4).

Examples:
  $ npx lattice time set --to reference --yes
  $ npx lattice time set --to 2030-01-31T12:00:00Z --yes`,
    )
    .action(run(async (options) => (await import('./time.ts')).setTime(options)));
  time
    .command('serve')
    .description('answer NTP clients of the site (chronyd, ntpdate, microcontrollers) with the time of the mesh')
    .addOption(dataOption())
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <n>', 'UDP port; 123 is what clients expect, and needs special rights', whole(0, 65_535), 1123)
    .option('--server <host:port...>', 'gateways that answer devices (default: those of the data folder)')
    .option('--device <name>', 'the account by which it asks them', 'time-server')
    .option('--password <word>', 'its password, with --server')
    .addHelpText(
      'after',
      `
It follows the gateways as a device does, until Ctrl-C. A gateway can do the same by itself: time.ntp in its configuration.
Until it is synchronised it answers that it is not, and clients wait.

Examples:
  $ npx lattice time serve
  $ chronyd -Q -t 5 'server 127.0.0.1 port 1123 iburst'        what a client makes of it; sets nothing
  $ sudo npx lattice time serve --host 0.0.0.0 --port 123`,
    )
    .action(run(async (options) => (await import('./time-serve.ts')).serveTime(options)));
}
