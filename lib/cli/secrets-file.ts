import { randomBytes } from 'node:crypto'
import { FmcError, UsageError } from '../errors.ts'
import { seal, type Lock } from '../secrets/age.ts'
import {
  checkName,
  emptyDocument,
  parseContents,
  withRecipients,
  withSecret,
} from '../secrets/document.ts'
import { createIdentity, identityPath, readIdentities, recipientsOf } from '../secrets/identity.ts'
import type { Ask } from '../secrets/prompt.ts'
import { editFile, withScratch } from '../secrets/scratch.ts'
import { Secret } from '../secrets/secret.ts'
import { openStore, passphrase, replaceFile, saveStore, secretNamed } from '../secrets/store.ts'
import type { KeyOptions } from '../secrets/store.ts'
import { applyCommands, usedBy, type SecretUser } from './secret-users.ts'

/** Terminal, stdin and environment, as the verbs of `fmc secrets` use them. */
export interface SecretsIo {
  /** Inventory.secretsFile; `--file` overrides it. Called only when needed. */
  readonly secretsFile: () => string | Promise<string>
  readonly stdin: AsyncIterable<Buffer | string> & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  /** Prints a result (a name) on stdout: a whole line, without the newline. */
  readonly out: (line: string) => void
  /** Prints a secret's text on stdout: exactly, or on a terminal as a harmless line. */
  readonly give: (text: string) => void
  /** Prints the first line of NDJSON. */
  readonly version: () => void
  /** Prints a value as a line of NDJSON. */
  readonly json: (value: unknown) => void
  /** Who uses which secret. Rejects with UsageError when the inventory cannot be read. Undefined: there is no inventory. */
  readonly users?: (() => Promise<readonly SecretUser[]>) | undefined
  /** Prints a message on stderr: a whole line, without the newline. */
  readonly say: (line: string) => void
  readonly askHidden: Ask
  readonly confirm: (question: string) => Promise<boolean>
}

/** One call of a verb. */
interface Call extends KeyOptions {
  readonly io: SecretsIo
  readonly file: string
  readonly args: readonly string[]
  readonly recipients: readonly string[]
  readonly passphrase: boolean
  readonly force: boolean
  readonly random: boolean
  readonly asJson: boolean
  readonly dryRun: boolean
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
  io.say(`made ${file}; next: fmc secrets set NAME`)
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
  if (!found) call.io.say(`made your identity ${path}: keep a copy in a safe place`)
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
      hint: 'with --force fmc replaces it; what was set up with the old value must then get the new one',
    })
  const value = await newValue(name, call)
  if (value === '') throw new UsageError(`no value for ${name}`, { hint: 'nothing was saved' })
  if (value.length < 4) io.say(`warning: ${name} is too short to be hidden in output`)
  await saveStore(store, await withSecret(store.text, file, name, value))
  io.say(`${store.contents.secrets.has(name) ? 'changed' : 'set'} ${name} in ${file}`)
}

const newValue = (name: string, { io, random }: Call): Promise<string> => {
  if (random) return Promise.resolve(randomBytes(32).toString('base64url'))
  return io.stdin.isTTY === true ? io.askHidden(`${name}: `) : piped(io.stdin)
}

/** All of stdin; a single line loses its newline, so that `echo x |` sets x. */
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
    throw new UsageError('the value is not UTF-8 text', {
      hint: 'encode it, for example as base64',
    })
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

/** Without an inventory nobody is known to use a secret; the reason goes to stderr. */
const usersOf = ({ io }: Call): Promise<readonly SecretUser[] | undefined> =>
  (io.users?.() ?? Promise.resolve(undefined)).catch((error: unknown) => {
    if (!(error instanceof FmcError)) throw error
    io.say(`who uses the secrets is not known: ${error.message}`)
    return undefined
  })

const list = async (call: Call): Promise<void> => {
  const { io } = call
  const { contents } = await openStore(call.file, call)
  const users = await usersOf(call)
  const names = [...contents.secrets.keys()]
  const missing = [...new Set(users?.map(u => u.name))].filter(n => !contents.secrets.has(n))
  if (call.asJson) {
    io.version()
    for (const name of [...names, ...missing])
      io.json({
        type: 'secret',
        name,
        set: contents.secrets.has(name),
        uses: users?.filter(u => u.name === name).map(({ name: _, ...use }) => use),
      })
    return
  }
  const room = Math.max(0, ...names.map(n => n.length))
  for (const name of names)
    io.out(users === undefined ? name : `${name.padEnd(room)}  ${usedBy(name, users)}`)
  for (const name of missing)
    io.say(`${name} is not set, but used: ${usedBy(name, users ?? [])}; fmc secrets set ${name}`)
}

const get = async (call: Call): Promise<void> => {
  const name = nameOf('get', call)
  const { contents } = await openStore(call.file, call)
  const values = new Map([...contents.secrets].map(([n, text]) => [n, new Secret(text, n)]))
  call.io.give(secretNamed(values, name, call.file).reveal())
}

const nameOf = (verb: string, { args: [name] }: Call): string => {
  if (name === undefined) throw new UsageError(`fmc secrets ${verb} needs a NAME`)
  checkName(name)
  return name
}

const rotate = async (call: Call): Promise<void> => {
  const { io, file } = call
  const name = nameOf('rotate', call)
  const store = await openStore(file, call)
  secretNamed(new Map([...store.contents.secrets].map(([n]) => [n, new Secret('', n)])), name, file)
  const users = (await usersOf(call))?.filter(u => u.name === name)
  if (!call.dryRun) {
    const value = await newValue(name, call)
    if (value === '') throw new UsageError(`no value for ${name}`, { hint: 'nothing was saved' })
    if (value === store.contents.secrets.get(name))
      throw new UsageError(`this is the value that ${name} has already`, {
        hint: 'nothing was saved',
      })
    await saveStore(store, await withSecret(store.text, file, name, value))
    io.say(`changed ${name} in ${file}`)
  }
  if (users === undefined) return
  if (users.length === 0) {
    io.say(`no host has a variable that refers to ${name}`)
    return
  }
  io.say(`${call.dryRun ? 'would be used' : 'used'} by:`)
  for (const { variable, where, hosts, roles } of users)
    io.say(
      `  ${variable} (${where}) on ${hosts.join(', ')}; ${roles.length > 0 ? `role ${roles.join(', ')}` : 'no role of the playbook site reads it there'}`,
    )
  const commands = applyCommands(users)
  if (commands.length > 0) io.say('to apply it; first with --dry-run to see what changes:')
  for (const command of commands) io.say(`  ${command}`)
}

const rekey = async (call: Call): Promise<void> => {
  const { io, file, recipients, force } = call
  if (call.passphrase === recipients.length > 0)
    throw new UsageError('fmc secrets rekey needs --recipient (once or more) or --passphrase')
  const store = await openStore(file, call)
  // A file opened with a passphrase: $FMC_AGE_PASSPHRASE_FILE holds the old one, so the new one is asked for.
  const env = 'passphrase' in store.key ? {} : call.env
  const lock: Lock = call.passphrase ? await newPassphrase({ ...call, env }) : { recipients }
  await saveStore(store, await withRecipients(store.text, file, recipients), { lock, force })
  io.say(`${file} is encrypted to the new keys; older copies still open with the old ones,`)
  io.say('so change the values too if someone must no longer know them')
}

/** What `fmc secrets VERB` does. */
export const VERBS: Readonly<Record<string, ((call: Call) => Promise<void>) | undefined>> = {
  init,
  set,
  get,
  rotate,
  edit,
  list,
  rekey,
}
