import { quoteAll } from '../shell/quote.ts'
import { GarbledProbe, wholeLines, type Family } from './family.ts'

/**
 * Version of an installed Debian package; null: not installed. dpkg-query exits with 1 for unknown names, with 2 when it is
 * broken. The status has two letters, the desired and the present state: an installed package on hold is `hi`
 * (dpkg-query(1), db:Status-Abbrev).
 */
export const deb: Family<string | null> = {
  bytes: { each: 4096 },
  script: args =>
    `dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\${Version}\\n' -- ${quoteAll(args)} 2>/dev/null`,
  parse({ out, code }, args) {
    if (code > 1) throw new GarbledProbe('deb', `dpkg-query exit ${code}: ${out}`)
    const asked = new Set(args)
    const versions = new Map<string, string | null>()
    for (const line of wholeLines('deb', out)) {
      const [, name = '', status = '', version = ''] =
        /^(\S+) [a-z]([a-zA-Z])[ R](\S*)$/.exec(line) ?? []
      if (name === '' || !asked.has(name)) throw new GarbledProbe('deb', line)
      if (status === 'i' || !versions.has(name)) versions.set(name, status === 'i' ? version : null)
    }
    if (code === 0 && !args.every(name => versions.has(name))) throw new GarbledProbe('deb', out)
    return args.map(name => versions.get(name) ?? null)
  },
}

/**
 * Version of an installed RPM; null: not installed. rpm's exit status is the number of missing packages, and it prints that
 * each "is not installed". With a broken database it prints that too, but an error first (rpm(8)).
 */
export const rpm: Family<string | null> = {
  bytes: { each: 4096 },
  script: args => `rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\\n' -- ${quoteAll(args)}`,
  parse({ out, err, code }, args) {
    if (/^error:/m.test(err)) throw new GarbledProbe('rpm', err)
    const asked = new Set(args)
    const versions = new Map<string, string | null>()
    for (const line of wholeLines('rpm', out)) {
      const missing = /^package (\S+) is not installed$/.exec(line)?.[1]
      const [, name = missing ?? '', version = null] =
        missing === undefined ? (/^(\S+) (\S+)$/.exec(line) ?? []) : []
      if (!asked.has(name)) throw new GarbledProbe('rpm', line)
      versions.set(name, version)
    }
    const missing = [...versions.values()].filter(v => v === null).length
    if (versions.size !== args.length || code !== missing)
      throw new GarbledProbe('rpm', `rpm exit ${code}: ${err || out}`)
    return args.map(name => versions.get(name) ?? null)
  },
}
