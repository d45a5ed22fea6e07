import { basename } from 'node:path/posix'
import { blanks, procFile } from '../facts/kernel.ts'
import type { SysctlFile } from '../facts/sysctl-files.ts'

/** The assignment that decides a kernel parameter at boot. */
export interface BootSetting {
  /** With single blanks. */
  readonly value: string
  readonly file: SysctlFile
  readonly line: number
  readonly text: string
}

interface Assignment extends BootSetting {
  /** null: an exclusion (`-KEY`), which only keeps globs away from the key. */
  readonly set: boolean
}

/** Names of one and the same parameter (kernel documentation, ip-sysctl: ip_forward sets and shows conf/all/forwarding). */
const SAME: readonly (readonly string[])[] = [
  ['net/ipv4/ip_forward', 'net/ipv4/conf/all/forwarding'],
]

/** A key as a path below /proc/sys. */
const pathOf = (key: string): string => procFile(key).slice('/proc/sys/'.length)

const isGlob = (path: string): boolean => /[*?[]/.test(path)

/** Does a pattern of glob(7) match a path? Wildcards match no slash. */
const globMatches = (pattern: string, path: string): boolean => {
  const source = pattern.replace(/\[!?\]?[^\]]*\]|[^]/g, part => {
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length === 1) return part.replace(/[^\w]/, c => `\\${c}`)
    const body = part.slice(1, -1).replace(/[\\\][^]/g, c => `\\${c}`)
    return body.startsWith('!') ? `[^/${body.slice(1)}]` : `[${body}]`
  })
  try {
    return new RegExp(`^${source}$`).test(path)
  } catch {
    return false
  }
}

/** The files that count, in the order in which systemd-sysctl reads them: by name, each name once (sysctl.d(5)). */
function inOrder(files: readonly SysctlFile[]): SysctlFile[] {
  const byName = new Map<string, SysctlFile>()
  for (const file of files) {
    const name = basename(file.path)
    if (!byName.has(name)) byName.set(name, file)
  }
  return [...byName]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([, file]) => file)
}

function assignments(files: readonly SysctlFile[]): Map<string, Assignment> {
  const all = new Map<string, Assignment>()
  for (const file of inOrder(files))
    for (const [line, raw] of file.lines) {
      const text = raw.trim()
      const cut = text.indexOf('=')
      const key = (cut < 0 ? text : text.slice(0, cut)).replace(/^-/, '').trim()
      // "Line is not an assignment, ignoring."
      if (cut < 0 && !text.startsWith('-')) continue
      const value = cut < 0 ? '' : blanks(text.slice(cut + 1))
      const path = pathOf(key)
        .replace(/\/{2,}/g, '/')
        .replace(/^\/|\/$/g, '')
      const before = all.get(path)
      if (before?.set === cut >= 0 && before.value === value) continue
      // A later assignment takes its place in the order, too.
      all.delete(path)
      all.set(path, { value, file, line, text, set: cut >= 0 })
    }
  return all
}

/**
 * What systemd-sysctl sets a kernel parameter to at boot (sysctl.d(5); systemd 257, src/sysctl/sysctl.c): of several assignments of
 * a key the last one counts; a pattern applies to the keys that have no assignment and no exclusion of their own; it applies
 * them in their order. Pure.
 *
 * @param files - all files of the directories, as the fact sysctlFiles lists them
 * @returns undefined when no file sets it
 */
export function atBoot(files: readonly SysctlFile[], key: string): BootSetting | undefined {
  const all = assignments(files)
  const own = pathOf(key)
  const names = SAME.find(same => same.includes(own)) ?? [own]
  let last: BootSetting | undefined
  for (const [path, one] of all) {
    if (!one.set) continue
    const applies = isGlob(path)
      ? names.some(name => !all.has(name) && globMatches(path, name))
      : names.includes(path)
    if (applies) last = one
  }
  return last
}
