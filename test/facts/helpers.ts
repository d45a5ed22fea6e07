import { spawnSync } from 'node:child_process'
import type { Test } from 'tap'
import { GarbledProbe, type Answer, type Family } from '../../lib/facts/family.ts'
import { batch, keyOf, type Query } from '../../lib/facts/index.ts'
import type { Output } from '../../lib/ssh/types.ts'

/** A script as a host's shell would run it: root's sh, C locale, stdin empty. */
export function local(script: string, shell = '/bin/sh'): Output {
  const { status, stdout, stderr } = spawnSync(shell, [], {
    // Not by -c: what runs must not find itself in a listing of processes either way.
    input: `{\n${script}\n} </dev/null`,
    encoding: 'utf8',
    env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    maxBuffer: 1 << 28,
  })
  return { code: status ?? 255, stdout, stderr }
}

/** The facts that this machine answers, in the order of the questions. */
export function facts(...queries: readonly Query[]): unknown[] {
  const { script, parse } = batch(queries)
  const found = parse(local(script), '')
  return queries.map(q => found.get(keyOf(q)))
}

export const answer = (out: string, code = 0, err = ''): Answer => ({ out, err, code })

export interface Case<T> {
  readonly what: string
  readonly args: readonly string[]
  readonly out: string
  readonly code?: number
  readonly err?: string
  readonly mark?: string
  /** What is understood; undefined: it must be refused. */
  readonly facts?: readonly T[]
}

/** A family's parser, held against a table. */
export function table<T>(t: Test, family: Family<T>, cases: readonly Case<T>[]): void {
  for (const { what, args, out, code = 0, err = '', mark = '', facts: wanted } of cases) {
    const parse = (): T[] => family.parse({ out, err, code }, args, mark)
    if (wanted === undefined) t.throws(parse, GarbledProbe, what)
    else t.strictSame(parse(), wanted, what)
  }
  t.end()
}
