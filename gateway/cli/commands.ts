import { type Command, Option } from 'commander';
import { configOption, dataOption, jsonOption, run, whole } from '../../core/cli/options.ts';

/* The commands about what the gateways agree on. What carries them out is loaded when one is called. */

const REVISION_MAX = Number.MAX_SAFE_INTEGER;

function siteOptions(command: Command): Command {
  return command
    .addOption(dataOption())
    .option('--gateway <url...>', 'HTTP addresses of gateways (default: those of the data folder)')
    .addOption(jsonOption());
}

const prefixOption = (): Option => new Option('--prefix', 'every key that begins with KEY').default(false);

export function addAgreementCommands(program: Command): void {
  addKv(program);
  addLock(program);
  addGateway(program);
  addAudit(program);
}

function addKv(program: Command): void {
  const kv = program.command('kv').description('read, change and watch what the gateways agree on');
  siteOptions(kv.command('get <key>'))
    .description('print the value of a key')
    .addOption(prefixOption())
    .option('--revision <n>', 'as of this revision of the store (default: the newest)', whole(1, REVISION_MAX))
    .addOption(
      new Option(
        '--consistency <kind>',
        'linearizable sees every acknowledged write; the others are faster and may be old',
      )
        .choices(['linearizable', 'lease', 'serializable'])
        .default('linearizable'),
    )
    .addHelpText(
      'after',
      `
Exit code 1 when there is no such key. Keys that begin with lattice/ are the mesh's own.

Examples:
  $ npx lattice kv get app/limit
  $ npx lattice kv get locks/ --prefix --json`,
    )
    .action(run(async (options, key) => (await load()).kvGet({ ...options, key })));
  siteOptions(kv.command('put <key> <value>'))
    .description('set the value of a key')
    .option('--if-version <n>', 'only when the key has this version; 0 is when there is none', whole(0, REVISION_MAX))
    .addHelpText(
      'after',
      `
Exit code 1 when the key has another version.

Examples:
  $ npx lattice kv put app/limit 10
  $ npx lattice kv put app/limit 20 --if-version 1`,
    )
    .action(run(async (options, key, value) => (await load()).kvPut({ ...options, key, value })));
  siteOptions(kv.command('delete <key>'))
    .description('delete a key')
    .addOption(prefixOption())
    .addHelpText(
      'after',
      `
Exit code 1 when there was nothing to delete.

Examples:
  $ npx lattice kv delete app/limit
  $ npx lattice kv delete app/ --prefix`,
    )
    .action(run(async (options, key) => (await load()).kvDelete({ ...options, key })));
  siteOptions(kv.command('watch <key>'))
    .description('print changes as they come, until Ctrl-C')
    .addOption(prefixOption())
    .option(
      '--from <revision>',
      'begin with the changes of this revision (default: those from now on)',
      whole(1, REVISION_MAX),
    )
    .addHelpText(
      'after',
      `
Goes on, without a gap, when the leader or a gateway dies.

Examples:
  $ npx lattice kv watch app/ --prefix
  $ npx lattice kv watch app/limit --from 17 --json`,
    )
    .action(run(async (options, key) => (await load()).kvWatch({ ...options, key })));
}

function addLock(program: Command): void {
  siteOptions(program.command('lock <name> <command...>'))
    .description('hold a lock of the site while a command runs')
    .usage('[options] <name> -- <command...>')
    .option('--timeout-s <n>', 'seconds to wait for the lock (default: as long as it takes)', whole(1, 31_536_000))
    .option('--ttl-s <n>', 'seconds until others get the lock when this machine dies', whole(1, 3_600), 10)
    .addHelpText(
      'after',
      `
The command finds LATTICE_LOCK_NAME and LATTICE_FENCING_TOKEN in its environment. The token is greater than that of every
earlier holder: a resource that refuses smaller ones is safe from a holder that stood still and does not know that its time is over.

Ends with the exit code of the command; with 5 when the lock was lost while it ran: then it was told to end by SIGTERM, and
by SIGKILL after 5 s. With --json, what becomes of the lock is told on the standard error output.

Examples:
  $ npx lattice lock backup -- ./backup.sh --full
  $ npx lattice lock migration --timeout-s 60 -- sh -c 'echo "token $LATTICE_FENCING_TOKEN"'`,
    )
    .action(run(async (options, name, command) => (await load()).lock({ ...options, name, command })));
}

function addGateway(program: Command): void {
  const gateway = program
    .command('gateway')
    .description('run one gateway, or see and change which gateways agree')
    .usage('--config <file> | <command>')
    .addHelpText(
      'after',
      `
Examples:
  $ npx lattice gateway --config .lattice/config/gateway-1.yaml    run one
  $ npx lattice gateway list                                       who leads, and the members`,
    );
  gateway
    .command('run', { isDefault: true })
    .description('run one gateway')
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  $ npx lattice gateway run --config .lattice/config/gateway-1.yaml')
    .action(run(async ({ config }) => (await import('../index.ts')).runGateway(config)));
  siteOptions(gateway.command('list'))
    .description('the members of the group, and who leads')
    .addHelpText(
      'after',
      '\nExit code 1 when nobody leads.\n\nExamples:\n  $ npx lattice gateway list\n  $ npx lattice gateway list --json',
    )
    .action(run(async (options) => (await load()).listMembers(options)));
  siteOptions(gateway.command('add <name> <address>'))
    .description('take a gateway into the group')
    .option('--learner', 'it gets everything and does not vote, until it is promoted', false)
    .addHelpText(
      'after',
      `
ADDRESS is host:port of its agreement.listen. It is started with the members that there are, and without itself:

  agreement:
    driver: raft
    listen: { host: 10.0.0.4, port: 8284 }
    members: [{ name: gateway-1, address: '10.0.0.1:8281' }, { name: gateway-2, address: '10.0.0.2:8282' }]

To add as a learner first and promote later is safer: a new voter counts for the majority before it has caught up.

Examples:
  $ npx lattice gateway add gateway-4 10.0.0.4:8284 --learner
  $ npx lattice gateway promote gateway-4`,
    )
    .action(run(async (options, name, address) => (await load()).addMember({ ...options, name, address })));
  siteOptions(gateway.command('promote <name>'))
    .description('let a learner vote')
    .addHelpText('after', '\nExample:\n  $ npx lattice gateway promote gateway-4')
    .action(run(async (options, name) => (await load()).promoteMember({ ...options, name })));
  siteOptions(gateway.command('remove <name>'))
    .description('take a gateway out of the group')
    .addHelpText(
      'after',
      '\nIt goes on with its readings, and takes no part in what the others agree on.\n\nExample:\n  $ npx lattice gateway remove gateway-4',
    )
    .action(run(async (options, name) => (await load()).removeMember({ ...options, name })));
  siteOptions(gateway.command('transfer <name>'))
    .description('hand the lead to a gateway')
    .addHelpText('after', '\nExample:\n  $ npx lattice gateway transfer gateway-2')
    .action(run(async (options, name) => (await load()).transferLead({ ...options, name })));
}

function addAudit(program: Command): void {
  const audit = program.command('audit').description('the ledger of administrative acts');
  const fileOption = (): Option => new Option('--file <file>', 'an exported ledger (default: that of the mesh)');
  siteOptions(audit.command('list'))
    .description('print the entries')
    .addOption(fileOption())
    .addHelpText(
      'after',
      '\nWith --json the entries are printed as they are kept: that is an export.\n\nExamples:\n  $ npx lattice audit list\n  $ npx lattice audit list --json > ledger.ndjson',
    )
    .action(run(async (options) => (await load()).auditList(options)));
  siteOptions(audit.command('verify'))
    .description('check that no entry was changed, left out or added')
    .addOption(fileOption())
    .option(
      '--root-key <hex>',
      'public key that the ledger was begun with (default: that of the site in the data folder)',
    )
    .option(
      '--head-hash <hex>',
      'hash of the newest entry, where it is known: else a ledger that was cut short looks whole',
    )
    .addHelpText(
      'after',
      `
Exit code 1 when it does not hold together; the first bad entry is named. With --file no gateway is asked.

Examples:
  $ npx lattice audit verify
  $ npx lattice audit verify --file ledger.ndjson`,
    )
    .action(run(async (options) => (await load()).auditVerify(options)));
}

const load = () => import('./index.ts');
