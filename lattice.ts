#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, Option } from 'commander';
import { configOption, dataOption, factor, jsonOption, overrideExits, run, whole } from './core/cli/options.ts';
import { EXIT, errorLine, exitCodeOf } from './core/errors/index.ts';
import { VERSION } from './core/version.ts';
import { addAgreementCommands } from './gateway/cli/commands.ts';
import { addTimeCommands } from './gateway/cli/time-commands.ts';

/*
 * The command line. Each command is loaded when it is called, so that `lattice pub` does not pay for the broker.
 */
const entry = fileURLToPath(import.meta.url);
const DEMO_SCENARIO = fileURLToPath(new URL('device-sim/scenarios/demo.yaml', import.meta.url));

const program = new Command('lattice')
  .description(
    'An IoT sensor mesh: federated MQTT brokers, edge gateways that lose nothing, a store that Grafana reads.',
  )
  .version(VERSION)
  .showHelpAfterError('See --help.')
  .configureHelp({ sortSubcommands: false })
  .addHelpText(
    'after',
    `
Examples:
  $ npx lattice up                      a whole mesh on this machine
  $ npx lattice sub                     its readings, as they come
  $ npx lattice status                  every part, and the account of readings
  $ npx lattice doctor                  where a reading gets stuck, if it does

Exit codes: 0 well, 1 a check failed, 2 usage, 3 unreachable, 4 refused for safety,
5 a lock was lost.`,
  );

const qosOption = (): Option => new Option('--qos <n>', 'quality of service, 0 to 2').default(1).argParser(whole(0, 2));

/** Options of the commands that are a client of one broker. */
function connectionOptions(command: Command): Command {
  return command
    .addOption(dataOption())
    .option('--broker <url>', 'for example mqtt://127.0.0.1:1884 (default: the first of the data folder)')
    .option('--username <name>', 'user name (default: the operator; none with --broker)')
    .option('--password <word>', 'password (default: that of the operator; none with --broker)');
}

program
  .command('up')
  .description('run a whole mesh on this machine: brokers, gateways, store, console and devices')
  .addOption(dataOption())
  .option('--port-base <n>', 'count every port from here, 1 to 65000 (default: 1883, 8086, 8080 …)', whole(1, 65_000))
  .option('--brokers <n>', 'how many brokers, 1 to 8 (default: as before in the data folder, else 2)', whole(1, 8))
  .option('--gateways <n>', 'how many gateways, 1 to 16 (default: as before in the data folder, else 3)', whole(1, 16))
  .option('--force-layout', 'take other numbers of brokers and gateways than the data folder has', false)
  .option('--devices <n>', 'how many simulated devices, 0 to 20000, beside four replayed ones', whole(0, 20_000), 20)
  .option('--no-demo', 'without any devices: simulated, replayed, or the sensors of this machine')
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
With --json it prints one line when ready, with the addresses and the account it made, and nothing else.
Warnings go to the standard error output.

The numbers of brokers and gateways belong to the data folder, because readings that were acknowledged wait there: in the
buffer of a gateway for the store, and at a broker for the gateways that have their sessions with it. With other numbers
\`up\` refuses to start (exit code 4). --force-layout overrides that: what waits for a gateway or at a broker that is no
longer there, or for a gateway that goes to another broker now, stays on disk and does not reach the store.

Examples:
  $ npx lattice up
  $ npx lattice up --port-base 21000 --data /tmp/mesh --devices 1000
  $ npx lattice up --no-demo --json`,
  )
  .action(run(async (options) => (await import('./core/cli/index.ts')).up({ ...options, entry })));

program
  .command('broker')
  .description('run one broker')
  .addOption(configOption())
  .addHelpText('after', '\nExample:\n  $ npx lattice broker --config .lattice/config/broker-1.yaml')
  .action(run(async ({ config }) => (await import('./broker/index.ts')).runBroker(config)));

program
  .command('store')
  .description('run the embedded time-series store (InfluxDB 1.x HTTP API)')
  .addOption(configOption())
  .addHelpText('after', '\nExample:\n  $ npx lattice store --config .lattice/config/store.yaml')
  .action(run(async ({ config }) => (await import('./gateway/index.ts')).runStore(config)));

program
  .command('console')
  .description('run the web console')
  .addOption(configOption())
  .addHelpText('after', '\nExample:\n  $ npx lattice console --config .lattice/config/console.yaml')
  .action(run(async ({ config }) => (await import('./dashboards/index.ts')).runConsole(config)));

program
  .command('sim')
  .description('run a fleet of simulated or replayed devices')
  .argument('[scenario]', 'YAML scenario (see device-sim/scenarios)')
  .addOption(dataOption())
  .option('--broker <url...>', 'MQTT URLs of brokers (default: those of the data folder)')
  .option('--username <name>', 'one account for all devices (default: an account for each)')
  .option('--password <word>', 'its password (default: none)')
  .option('--site <name>', 'site in the topics (default: that of the data folder, else of the scenario)')
  .option('--seed <text>', 'the same seed gives the same values (default: of the scenario, else at random)')
  .option(
    '--devices <n>',
    'devices of the first simulated fleet, 0 leaves it out (default: of the scenario, else 20)',
    whole(0, 100_000),
  )
  .option(
    '--interval-ms <n>',
    'milliseconds between two readings of a simulated device (default: of the scenario, else 1000)',
    whole(10, 86_400_000),
  )
  .option(
    '--speed <factor>',
    'speed of replayed data, 0.01 to 500; 1 is a reading every 5 s (default: of the scenario, else 1)',
    factor(0.01, 500),
  )
  .option('--duration-s <n>', 'stop after so many seconds (default: of the scenario, else never)', whole(1, 31_536_000))
  .option(
    '--readings <n>',
    'stop after so many readings of all devices (default: of the scenario, else never)',
    whole(1, Number.MAX_SAFE_INTEGER),
  )
  .option('--dry-run', 'print the readings in virtual time, without a network', false)
  .addOption(new Option('--demo', 'the scenario of `lattice up`').hideHelp().default(false))
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
Stops on Ctrl-C too, and ends with what was sent and acknowledged, and the percentiles of the acknowledgement.

Examples:
  $ npx lattice sim                                       20 devices against the mesh in .lattice
  $ npx lattice sim device-sim/scenarios/thousand.yaml
  $ npx lattice sim --devices 100 --interval-ms 500 --duration-s 60 --json
  $ npx lattice sim --dry-run --seed 7 --readings 100`,
  )
  .action(
    run(async (options, scenario) => {
      const { fleetTarget } = await import('./core/cli/index.ts');
      const { runSim } = await import('./device-sim/index.ts');
      const target = options.dryRun ? {} : fleetTarget(options);
      const scenarioFile = options.demo ? DEMO_SCENARIO : scenario;
      return runSim({ ...options, ...target, scenarioFile });
    }),
  );

program
  .command('shim')
  .description('publish the sensors of this machine, and what local programs send to a Unix socket')
  .option('--config <file>', 'YAML configuration (not needed with --once)')
  .option('--sysfs-root <dir>', 'where sys/ and proc/ are, for tests (default: of the configuration, else /)')
  .option('--once', 'print one reading and end', false)
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
Examples:
  $ npx lattice shim --once
  $ npx lattice shim --config .lattice/config/shim.yaml`,
  )
  .action(
    run(async ({ config, sysfsRoot, once, json }) => {
      const { runShim } = await import('./firmware-shim/index.ts');
      return runShim({ configFile: config, sysfsRoot, once, json });
    }),
  );

connectionOptions(program.command('pub <topic> <message>'))
  .description('publish one message and wait for its acknowledgement')
  .addOption(qosOption())
  .option('--retain', 'keep it for later subscribers', false)
  .addHelpText('after', `\nExample:\n  $ npx lattice pub mesh/v1/home/kitchen/state '{"temperature":21.5}'`)
  .action(
    run(async (options, topic, message) => (await import('./core/cli/index.ts')).pub({ ...options, topic, message })),
  );

connectionOptions(program.command('sub [filters...]'))
  .description('print messages as they come (default: every reading)')
  .addOption(qosOption())
  .option('--count <n>', 'end after so many messages (default: never)', whole(1, Number.MAX_SAFE_INTEGER))
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
Examples:
  $ npx lattice sub
  $ npx lattice sub 'mesh/v1/+/+/deadletter'              what was refused, and why
  $ npx lattice sub 'mesh/v1/home/mote-1/#' --count 5 --json`,
  )
  .action(
    run(async (options, filters) => {
      const { sub } = await import('./core/cli/index.ts');
      return sub({ ...options, filters: filters.length > 0 ? filters : ['mesh/v1/+/+/state'] });
    }),
  );

program
  .command('status')
  .description('the state of every part, and the account: sent = stored + buffered + dropped')
  .addOption(dataOption())
  .addOption(jsonOption())
  .addHelpText(
    'after',
    '\nExit code 1 when the account is open.\n\nExamples:\n  $ npx lattice status\n  $ npx lattice status --json',
  )
  .action(run(async (options) => (await import('./core/cli/index.ts')).status(options)));

program
  .command('doctor')
  .description('send a marked reading over every path and name the hop where it stopped')
  .addOption(dataOption())
  .option('--timeout-s <n>', 'seconds that a reading may take, 1 to 600', whole(1, 600), 10)
  .addOption(jsonOption())
  .addHelpText(
    'after',
    '\nHops: broker, rights, link, gateway, store, dashboard query.\n\nExamples:\n  $ npx lattice doctor\n  $ npx lattice doctor --json --timeout-s 3',
  )
  .action(run(async (options) => (await import('./core/cli/index.ts')).doctor(options)));

program
  .command('drain <broker>')
  .description('send the clients of a broker to the others, so that it can be stopped without anybody noticing')
  .addOption(dataOption())
  .option('--undo', 'let it take clients again', false)
  .option('--wait', 'stay until it has no client left', false)
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
The broker takes no more clients and says so in the list that it serves. Devices and gateways of ours finish what is under
way and go; after 5 s the connections of the others are closed, a few at a time. Links stay up, and operators and consoles
stay connected. It lasts until --undo or a restart of the broker.

Examples:
  $ npx lattice drain broker-1 --wait
  $ npx lattice drain broker-1 --undo`,
  )
  .action(run(async (options, broker) => (await import('./core/cli/index.ts')).drain({ ...options, broker })));

const fleet = program
  .command('fleet')
  .description('what devices are to do: changed over several sites, at all or at none');
const siteOption = (): Option =>
  new Option('--site <name>', 'a site, as often as needed (default: that of the data folder)').argParser(
    (name: string, before: string[] | undefined) => [...(before ?? []), name],
  );

fleet
  .command('set')
  .description('give devices settings, at all of the sites or at none')
  .argument('<pairs...>', 'DEVICE/SETTING VALUE, as often as needed; null takes a setting away')
  .addOption(siteOption())
  .addOption(dataOption())
  .addOption(jsonOption())
  .addHelpText(
    'after',
    `
A value is JSON where it can be read as such, else text. When a site cannot vote in time, or somebody else changes the same
device at the same time, nothing is changed anywhere (TRANSACTION_ABORTED).

Examples:
  $ npx lattice fleet set pump/mode eco
  $ npx lattice fleet set --site north --site south pump/intervalS 30 pump/mode eco
  $ npx lattice fleet set pump/mode null`,
  )
  .action(run(async (options, pairs) => (await import('./gateway/cli/fleet.ts')).fleetSet(options, pairs)));

fleet
  .command('get <device>')
  .description('what a device is to do')
  .addOption(siteOption())
  .addOption(dataOption())
  .addOption(jsonOption())
  .addHelpText('after', '\nExample:\n  $ npx lattice fleet get pump --site north --site south')
  .action(run(async (options, device) => (await import('./gateway/cli/fleet.ts')).fleetGet(options, device)));

fleet
  .command('status')
  .description('the sites, and the changes that wait or are in doubt')
  .addOption(dataOption())
  .addOption(jsonOption())
  .addHelpText(
    'after',
    '\nExit code 1 while a site is away or a change is in doubt.\n\nExample:\n  $ npx lattice fleet status --json',
  )
  .action(run(async (options) => (await import('./gateway/cli/fleet.ts')).fleetStatus(options)));

program
  .command('top')
  .description('status, again and again')
  .addOption(dataOption())
  .option('--interval-s <n>', 'seconds between two pictures', whole(1, 3600), 2)
  .option('--iterations <n>', 'end after so many pictures (default: never)', whole(1, Number.MAX_SAFE_INTEGER))
  .addOption(jsonOption())
  .addHelpText('after', '\nExamples:\n  $ npx lattice top\n  $ npx lattice top --iterations 1 --json')
  .action(run(async (options) => (await import('./core/cli/index.ts')).top(options)));

addAgreementCommands(program);
addTimeCommands(program);

overrideExits(program);
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    process.stderr.write(`${errorLine(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
// A command that has ended must not be kept by a socket that is still closing.
process.exit();
