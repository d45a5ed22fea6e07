import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { FmcError, UsageError } from '../errors.ts'
import { WITH_SUDO } from './paths.ts'
import { exec } from './exec.ts'

/** A command or file the lab needs, and the Debian package that brings it. */
interface Need {
  readonly what: string
  readonly package: string
}

const NEEDS: readonly Need[] = [
  { what: 'systemd-nspawn', package: 'systemd-container' },
  { what: 'mmdebstrap', package: 'mmdebstrap' },
  { what: '/usr/share/keyrings/debian-archive-keyring.gpg', package: 'debian-archive-keyring' },
  { what: 'apt-ftparchive', package: 'apt-utils' },
  { what: 'ip', package: 'iproute2' },
  { what: 'ssh', package: 'openssh-client' },
  { what: 'ssh-keygen', package: 'openssh-client' },
  { what: 'openssl', package: 'openssl' },
  { what: 'losetup', package: 'mount' },
  { what: 'unshare', package: 'util-linux' },
  { what: 'nsenter', package: 'util-linux' },
]

const VM_NEEDS: readonly Need[] = [
  { what: 'qemu-system-x86_64', package: 'qemu-system-x86' },
  { what: 'mkfs.ext4', package: 'e2fsprogs' },
]

/** For making the image of VMs of the lab's hypervisor. */
const IMAGE_NEEDS: readonly Need[] = [
  { what: 'qemu-img', package: 'qemu-utils' },
  { what: 'sfdisk', package: 'fdisk' },
  { what: 'mkfs.ext4', package: 'e2fsprogs' },
]

const PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`

/** Whether a command is in PATH (sbin included), or an absolute path exists. */
export const present = (what: string): boolean => {
  if (what.startsWith('/')) return existsSync(what)
  return PATH.split(':').some(dir => {
    try {
      accessSync(join(dir, what), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const isDebianLike = (): boolean => {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

/**
 * Makes sure that this machine has what the lab needs. On Debian and Ubuntu it installs what is missing: on a terminal it
 * asks first (unless `yes`), elsewhere it only says so. Elsewhere it throws a UsageError that names everything missing.
 */
export const prerequisites = async (options: {
  readonly vm: boolean
  readonly image?: boolean
  readonly yes: boolean
  readonly log: (text: string) => void
}): Promise<void> => {
  if (process.platform !== 'linux') throw new UsageError('the lab needs Linux')
  if (process.getuid?.() !== 0)
    throw new UsageError('the lab needs root: it makes network namespaces and boots machines', {
      hint: WITH_SUDO,
    })
  const needs = [...NEEDS, ...(options.vm ? VM_NEEDS : []), ...(options.image ? IMAGE_NEEDS : [])]
  const missing = needs.filter(need => !present(need.what))
  if (missing.length === 0) return
  const packages = [...new Set(missing.map(need => need.package))]
  await installPackages(
    packages,
    options,
    missing.map(need => need.what),
  )
}

/** Installs packages as `prerequisites` does. UsageError where this machine has no apt. */
export const installPackages = async (
  packages: readonly string[],
  options: { readonly yes: boolean; readonly log: (text: string) => void },
  what: readonly string[] = packages,
): Promise<void> => {
  if (!isDebianLike() || !present('apt-get'))
    throw new UsageError(`the lab needs ${what.join(', ')} on this machine`, {
      hint: `on Debian and Ubuntu: apt-get install ${packages.join(' ')}`,
    })
  const mine = turn.then(() => install(packages, options))
  turn = mine.catch(() => undefined)
  await mine
}

/** Ends when the installation before has ended: one question, and one apt, at a time. */
let turn = Promise.resolve()

const install = async (
  packages: readonly string[],
  options: { readonly yes: boolean; readonly log: (text: string) => void },
): Promise<void> => {
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`
  options.log(`this machine lacks packages that the lab needs: ${command}`)
  if (!options.yes && process.stdin.isTTY && process.stderr.isTTY && !(await agreed()))
    throw new UsageError('the lab cannot run without them', { hint: command })
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  const apt = (words: string[]) => exec(['apt-get', ...wait, ...words], { env, allowFailure: true })
  const words = ['install', '-y', '--no-install-recommends', ...packages]
  let result = await apt(words)
  if (result.code !== 0) {
    await apt(['update'])
    result = await apt(words)
  }
  if (result.code !== 0)
    throw new FmcError(`could not install what the lab needs\n${result.stderr.trim()}`, {
      hint: command,
    })
}

const agreed = async (): Promise<boolean> => {
  const io = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await io.question('install them now? [Y/n] ')
  io.close()
  return /^(y(es)?)?$/i.test(answer.trim())
}
