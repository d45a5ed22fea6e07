import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { nearest } from '../inventory/nearest.ts'
import { EXIT, UsageError } from '../errors.ts'
import { seal, type Lock } from '../secrets/age.ts'
import {
  checkName,
  emptyDocument,
  parseContents,
  withRecipients,
  withSecret,
} from '../secrets/document.ts'
import { createIdentity, identityPath, readIdentities, recipientsOf } from '../secrets/identity.ts'
import { askHidden, type Ask } from '../secrets/prompt.ts'
import { editFile, withScratch } from '../secrets/scratch.ts'
import type { Secret } from '../secrets/secret.ts'
import { openStore, passphrase, replaceFile, saveStore } from '../secrets/store.ts'
import type { KeyOptions } from '../secrets/store.ts'
import { askLine, print, printError } from './print.ts'

/** What the command needs of the world; processIo() is the real one. */
export interface SecretsIo {
  /** Inventory.secretsFile; `--file` overrides it. Called only when needed. */
  readonly secretsFile: () => string | Promise<string>
  readonly stdin: AsyncIterable<Buffer | string> & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  /** Results (names) go to stdout, messages to people to stderr; whole lines without the newline. */
  readonly out: (line: string) => void
  readonly say: (line: string) => void
  readonly askHidden: Ask
  readonly confirm: (question: string) => Promise<boolean>
}

/** The real world of `fmc secrets`. */
export const processIo = (secretsFile: SecretsIo['secretsFile']): SecretsIo => ({
  secretsFile,
  stdin: process.stdin,
  env: process.env,
  out: print,
  say: printError,
  askHidden,
  confirm: async question => {
    if (!process.stdin.isTTY) return false
    return /^(y|yes|)$/i.test((await askLine(`${question} [Y/n]:`)).trim())
  },
})

interface Call extends KeyOptions {
  readonly io: SecretsIo
  readonly file: string
  readonly args: readonly string[]
  readonly recipients: readonly string[]
  readonly passphrase: boolean
  readonly force: boolean
  readonly random: boolean
}

export const USAGE = `fmc secrets init             make an identity (if there is none) and an empty secrets file
fmc secrets set NAME         set one secret: typed without echo, or from stdin
fmc secrets set NAME --random   make one up that nobody needs to know (256 bits)
fmc secrets edit             edit all of them in $EDITOR
fmc secrets list             their names
fmc secrets rekey            encrypt to other recipients, or to a passphrase
  --file FILE          the secrets file (default: the inventory's)
  --identity FILE      identity file (default: $FMC_AGE_IDENTITY, ~/.config/fmc/identity.txt)
  -r, --recipient AGE1 init: one more recipient; rekey: the new recipients, all of them (repeat it)
  --passphrase         init, rekey: lock with a passphrase (asked, or $FMC_AGE_PASSPHRASE_FILE)
  --random             set: a value from the system's random numbers; one that is there stays
  --force              rekey: although your own identity could not open the file any more;
                       set --random: replace the one that is there`

const options = {
  file: { type: 'string' },
  identity: { type: 'string' },
  recipient: { type: 'string', short: 'r', multiple: true },
  passphrase: { type: 'boolean' },
  force: { type: 'boolean' },
  random: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/**
 * `fmc secrets …`: argv without "secrets"; resolves to the exit code. Expected errors are thrown
 * (FmcError) for the command line's one place that prints them.
 */
export const secrets = async (argv: readonly string[], io: SecretsIo): Promise<number> => {
  const { values, positionals } = parsed(argv)
  const [verb, ...args] = positionals
  if (values.help === true || verb === undefined) {
    io.out(USAGE)
    return values.help === true ? EXIT.ok : EXIT.usage
  }
  const command = commands[verb]
  if (!command) throw unknownCommand(verb)
  if (args.length > (verb === 'set' ? 1 : 0))
    throw new UsageError(`fmc secrets ${verb}: too many arguments`, {
      hint: verb === 'set' ? 'the value is typed or comes on stdin, never in argv' : undefined,
    })
  await command({
    io,
    file: values.file ?? (await io.secretsFile()),
    args,
    recipients: values.recipient ?? [],
    passphrase: values.passphrase ?? false,
    force: values.force ?? false,
    random: values.random ?? false,
    identity: values.identity,
    prompt: io.askHidden,
    env: io.env,
  })
  return EXIT.ok
}

/** What is not nearly a command may be a value, as in `fmc secrets name=value`. */
const unknownCommand = (verb: string): UsageError => {
  const near = nearest(verb, Object.keys(commands))
  return near === undefined
    ? new UsageError('unknown command of fmc secrets', { hint: 'fmc secrets --help' })
    : new UsageError(`unknown command: fmc secrets ${verb}`, { hint: `did you mean ${near}?` })
}

const parsed = (argv: readonly string[]) => {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(`fmc secrets: ${(error as Error).message.split('. ')[0] ?? ''}`, {
      hint: 'fmc secrets --help',
    })
  }
}

const init = async (call: Call): Promise<void> => {
  const { io, file } = call
  if (await exists(file))
    throw new UsageError(`${file} exists already`, { hint: 'fmc secrets edit' })
  if (call.passphrase && call.recipients.length > 0)
    throw new UsageError('either --passphrase or --recipient: age cannot do both')
  const recipients = call.passphrase ? [] : [...(await ownRecipients(call)), ...call.recipients]
  const lock = call.passphrase ? await newPassphrase(call) : { recipients }
  await replaceFile(file, await seal(emptyDocument(recipients), lock))
  io.say(`made ${file}; now: fmc secrets set NAME`)
}

const exists = async (path: string): Promise<boolean> => {
  const { access } = await import('node:fs/promises')
  return access(path).then(
    () => true,
    () => false,
  )
}

const ownRecipients = async (call: Call): Promise<string[]> => {
  const path = identityPath(call.env ?? {}, call.identity)
  const found = await readIdentities(path)
  const identities = found ?? [await createIdentity(path)]
  const recipients = await recipientsOf(identities)
  if (!found) call.io.say(`made your identity ${path}: keep a copy of it in a safe place`)
  for (const recipient of recipients) call.io.say(`your recipient: ${recipient}`)
  return recipients
}

const newPassphrase = async (call: Call): Promise<{ passphrase: Secret }> => {
  const first = await passphrase('New passphrase: ', call)
  if (!call.env?.FMC_AGE_PASSPHRASE_FILE) {
    const again = await passphrase('Once more: ', call)
    if (again.reveal() !== first.reveal()) throw new UsageError('the passphrases differ')
  }
  return { passphrase: first }
}

const set = async (call: Call): Promise<void> => {
  const { io, file } = call
  const [name] = call.args
  if (name === undefined) throw new UsageError('fmc secrets set needs a NAME')
  checkName(name)
  const store = await openStore(file, call)
  if (call.random && store.contents.secrets.has(name) && !call.force)
    throw new UsageError(`${name} is set already in ${file}`, {
      hint: 'whatever was made with it would be locked out; to replace it: --force',
    })
  const value = await newValue(name, call)
  if (value === '') throw new UsageError(`no value for ${name}`, { hint: 'nothing was saved' })
  if (value.length < 4)
    io.say(`warning: ${name} is too short to be hidden where it appears in output`)
  await saveStore(store, await withSecret(store.text, file, name, value))
  io.say(`${store.contents.secrets.has(name) ? 'changed' : 'set'} ${name} in ${file}`)
}

const newValue = (name: string, { io, random }: Call): Promise<string> => {
  if (random) return Promise.resolve(randomBytes(32).toString('base64url'))
  return io.stdin.isTTY === true ? io.askHidden(`${name}: `) : piped(io.stdin)
}

/** All of stdin; of a single line without its newline, so that `echo x |` sets x. */
const piped = async (stdin: SecretsIo['stdin']): Promise<string> => {
  const pieces: Buffer[] = []
  for await (const piece of stdin) pieces.push(Buffer.from(piece))
  const text = decoded(Buffer.concat(pieces))
  return text.indexOf('\n') === text.length - 1 ? text.replace(/\r?\n$/, '') : text
}

const decoded = (bytes: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new UsageError('the value is no UTF-8 text', { hint: 'encode it (base64)' })
  }
}

const edit = async (call: Call): Promise<void> => {
  const { io, file } = call
  const store = await openStore(file, call)
  await withScratch('secrets.yaml', store.text, io.env, async (path, started) => {
    for (;;) {
      const text = await editFile(path, io.env, started)
      if (text === store.text) {
        io.say('nothing changed')
        return
      }
      try {
        await parseContents(text, path)
        await saveStore(store, text)
        io.say(`saved ${file}`)
        return
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        io.say(error.message)
        if (error.hint !== undefined) io.say(error.hint)
        if (!(await io.confirm('Edit again?'))) throw new UsageError('nothing was saved')
      }
    }
  })
}

const list = async (call: Call): Promise<void> => {
  const { contents } = await openStore(call.file, call)
  for (const name of contents.secrets.keys()) call.io.out(name)
}

const rekey = async (call: Call): Promise<void> => {
  const { io, file, recipients, force } = call
  if (call.passphrase === recipients.length > 0)
    throw new UsageError('fmc secrets rekey needs --recipient (once or more) or --passphrase')
  const store = await openStore(file, call)
  // $FMC_AGE_PASSPHRASE_FILE was the old one then.
  const env = 'passphrase' in store.key ? {} : call.env
  const lock: Lock = call.passphrase ? await newPassphrase({ ...call, env }) : { recipients }
  await saveStore(store, await withRecipients(store.text, file, recipients), { lock, force })
  io.say(`${file} is encrypted anew; older copies still open with the older keys,`)
  io.say('so change the values too if someone must no longer know them')
}

const commands: Readonly<Record<string, ((call: Call) => Promise<void>) | undefined>> = {
  init,
  set,
  edit,
  list,
  rekey,
}
