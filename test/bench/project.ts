import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FILES } from './workload.ts'

export const ROOT = join(import.meta.dirname, '../..')
const HERE = import.meta.dirname
const FIRST_PORT = 2201

export const address = (n: number): string => `10.98.0.${n + 10}`
export const names = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `h${i + 1}`)

/** Where a host is reached. */
export interface Place {
  readonly name: string
  readonly address: string
  readonly port: number
}

export const places = (count: number): Place[] =>
  names(count).map((name, i) => ({ name, address: address(i + 1), port: 22 }))
/** The same hosts behind the delaying proxy. */
export const farPlaces = (count: number): Place[] =>
  names(count).map((name, i) => ({ name, address: '127.0.0.1', port: FIRST_PORT + i }))

/** An inventory of equal hosts in one network. With `key` fmc connects to the given places instead. */
export const inventoryYaml = (hosts: readonly Place[], key?: string): string => `timezone: UTC
domain: bench.internal
networks:
  bench: { cidr: 10.98.0.0/24, mode: bridge }
hosts:
${hosts
  .map(
    ({ name, address: at, port }, i) =>
      `  ${name}: { os: debian 12, nics: [{ network: bench, address: ${address(i + 1)} }]${key === undefined ? '' : `, ssh: { host: ${at}, port: ${port}, user: root, identity_file: ${key} }`} }\n`,
  )
  .join('')}`

/** A throw-away directory that holds the project, everything for the peers, and fmc's cache. */
export function makeProject(): string {
  const dir = mkdtempSync(join(tmpdir(), 'fmc-bench-'))
  for (const part of ['playbooks', 'roles'])
    symlinkSync(join(HERE, 'project', part), join(dir, part))
  for (const file of ['play.yml', 'deploy.py'])
    symlinkSync(join(HERE, 'peers', file), join(dir, file))
  mkdirSync(join(dir, 'files'))
  for (const { source, content } of FILES) writeFileSync(join(dir, 'files', source), content)
  return dir
}

/** Writes a file of the project; returns its path. */
export function put(dir: string, name: string, text: string, mode = 0o644): string {
  const path = join(dir, name)
  writeFileSync(path, text, { mode })
  return path
}
