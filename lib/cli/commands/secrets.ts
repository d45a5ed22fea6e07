import { EXIT, UsageError } from '../../errors.ts'
import { nearest } from '../../text/nearest.ts'
import { withOwnFlags } from '../own-flags.ts'
import { repeated, type AddCommand, type Run } from '../options.ts'
import { askLine, print, printError, printFile, printJson, printVersion } from '../print.ts'
import type { SecretsIo } from '../secrets-file.ts'
import type { Command } from 'commander'
import { ownHelp, ownOption } from './own-help.ts'

const HELP = `fmc secrets init         make an identity (if there is none) and an empty file
fmc secrets set NAME     set one secret: typed without echo, or from stdin
fmc secrets set NAME --random
                         generate a random one (256 bits)
fmc secrets get NAME     print one: exactly into a pipe, on a terminal as a line
fmc secrets rotate NAME  replace one: typed, from stdin or --random; says which
                         hosts and roles use it, and the command that applies it
fmc secrets edit         edit all of them in $EDITOR
fmc secrets list         their names, and who uses each
fmc secrets rekey        encrypt to other recipients, or to a passphrase
  --file FILE            the secrets file (default: the inventory's)
  --identity FILE        identity file (default: $FMC_AGE_IDENTITY, else
                         ~/.config/fmc/identity.txt)
  -r, --recipient AGE1   init: one more recipient; rekey: the new recipients,
                         all of them (repeat it)
  --passphrase           init, rekey: lock with a passphrase (asked, or
                         $FMC_AGE_PASSPHRASE_FILE)
  -i, --inventory FILE   the inventory (default: inventory.yaml)
  --dry-run              rotate: only say who uses the secret
  --output json          list: NDJSON, names and users only
  --random               set, rotate: generate a random value (set: unless the
                         secret exists)
  --force                rekey: even if your own identity can no longer open the
                         file; set --random: replace the existing value`

interface Options {
  readonly file?: string
  readonly identity?: string
  readonly recipient?: readonly string[]
  readonly passphrase?: boolean
  readonly force?: boolean
  readonly random?: boolean
  readonly inventory: string
  readonly dryRun?: boolean
  readonly output?: string
}

/** `fmc secrets …`: makes and edits the encrypted secrets file. */
export const secrets: AddCommand = (program, run) => addSecrets(program, run, processIo)

/** The same with another terminal, stdin and environment. */
export function addSecrets(
  program: Command,
  run: Run,
  io: (inventory: string) => Promise<SecretsIo>,
): void {
  const command = program
    .command('secrets [args...]')
    .description('the encrypted secrets file: init, set, get, rotate, edit, list, rekey')
    .addOption(ownOption('--file <file>'))
    .addOption(ownOption('--identity <file>'))
    .addOption(ownOption('-r, --recipient <age1>').argParser(repeated))
    .addOption(ownOption('--passphrase'))
    .addOption(ownOption('--force'))
    .addOption(ownOption('--random'))
    .addOption(ownOption('-i, --inventory <file>').default('inventory.yaml'))
    .addOption(ownOption('--dry-run'))
    .addOption(ownOption('--output <format>').choices(['plain', 'json']))
  ownHelp(command, HELP).action((args: string[], o: Options) =>
    run(io(o.inventory).then(world => perform(args, o, world))),
  )
}

/** The real terminal, stdin and environment. */
async function processIo(inventory: string): Promise<SecretsIo> {
  const { askHidden } = await import('../../secrets/prompt.ts')
  return {
    secretsFile: async () => {
      const { loadInventory } = await import('../../inventory/load.ts')
      return (await loadInventory(inventory)).secretsFile
    },
    users: async () => (await import('../secret-users.ts')).secretUsers(inventory),
    give: printFile,
    version: printVersion,
    json: value => printJson(value),
    stdin: process.stdin,
    env: process.env,
    out: print,
    say: line => printError(withOwnFlags(line, { inventory })),
    askHidden,
    confirm: async question => {
      if (!process.stdin.isTTY) return false
      return /^(y|yes|)$/i.test((await askLine(`${question} [Y/n]:`)).trim())
    },
  }
}

async function perform(
  [verb, ...args]: readonly string[],
  o: Options,
  io: SecretsIo,
): Promise<number> {
  if (verb === undefined) {
    io.out(HELP)
    return EXIT.usage
  }
  const { VERBS } = await import('../secrets-file.ts')
  const action = VERBS[verb]
  if (!action) throw unknownVerb(verb, Object.keys(VERBS))
  const named = ['set', 'get', 'rotate'].includes(verb)
  if (args.length > (named ? 1 : 0))
    throw new UsageError(`fmc secrets ${verb}: too many arguments`, {
      hint:
        named && verb !== 'get'
          ? 'type the value or pipe it in: it may not stand in argv'
          : undefined,
    })
  if (o.output === 'json' && verb !== 'list')
    throw new UsageError(`fmc secrets ${verb} has no --output json`)
  await action({
    io,
    file: o.file ?? (await io.secretsFile()),
    args,
    recipients: o.recipient ?? [],
    passphrase: o.passphrase ?? false,
    force: o.force ?? false,
    random: o.random ?? false,
    asJson: o.output === 'json',
    dryRun: o.dryRun ?? false,
    identity: o.identity,
    prompt: io.askHidden,
    env: io.env,
  })
  return EXIT.ok
}

/** A word that is far from every verb is not repeated: it may be a value, as in `fmc secrets name=value`. */
const unknownVerb = (verb: string, verbs: readonly string[]): UsageError => {
  const near = nearest(verb, verbs)
  return near === undefined
    ? new UsageError('unknown command of fmc secrets', { hint: 'fmc secrets --help' })
    : new UsageError(`unknown command: fmc secrets ${verb}`, { hint: `did you mean ${near}?` })
}
