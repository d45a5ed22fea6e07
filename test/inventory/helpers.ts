import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A small inventory without problems; tests replace a part of it or add to it. */
export const SMALL = `timezone: Europe/Madrid
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
  inner: { cidr: 10.17.3.0/24, mode: open, gateway: 10.17.3.1, router: hv }
vips:
  api:
    address: 192.168.0.32
    network: lan
    vrid: 51
    ports: [6443]
    backends: db
    balancers: lb
all: {}
groups:
  lb: { hosts: [lb1, lb2] }
  db: { hosts: [db1] }
hosts:
  hv: { os: rocky 9.5, memory: 4GB, vcpu: 4, nics: [{ network: lan, address: 192.168.0.40 }] }
  lb1: { os: debian 12, vm_on: hv, memory: 1GB, vcpu: 1, nics: [{ network: lan, address: 192.168.0.30 }] }
  lb2: { os: debian 12, vm_on: hv, memory: 1GB, vcpu: 1, nics: [{ network: lan, address: 192.168.0.31 }] }
  db1: { os: almalinux 9.5, vm_on: hv, memory: 1GB, vcpu: 2, nics: [{ network: inner, address: 10.17.3.14 }] }
`

/** SMALL with parts replaced; a part that is not there is a mistake of the test. */
export function small(...replacements: readonly (readonly [string, string])[]): string {
  return replacements.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`not in the fixture: ${from}`)
    return text.replace(from, () => to)
  }, SMALL)
}

/** Text with the marker ‸ taken out, and the line and column where it stood. */
export function marked(text: string): { text: string; line: number; column: number } {
  const before = text.slice(0, text.indexOf('‸')).split('\n')
  if (!text.includes('‸')) throw new Error('no marker in the text')
  return {
    text: text.replace('‸', ''),
    line: before.length,
    column: (before.at(-1) ?? '').length + 1,
  }
}

/** Writes a file into a directory of this test, gives its path, and keeps the cache in there too. */
export function fileWith(t: Test, content: string | Uint8Array): string {
  const directory = t.testdir({})
  process.env['FMC_CACHE'] = join(directory, 'cache')
  const file = join(directory, 'inventory.yaml')
  writeFileSync(file, content)
  return file
}
