/** `fmc test`: compiles the project's tests as fmc compiles its roles, and runs them with node:test. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { run as runFiles } from 'node:test'
import { spec } from 'node:test/reporters'
import { EXIT, UsageError } from '../../errors.ts'
import { suggestion } from '../../text/nearest.ts'
import { moduleOf } from '../import-ts.ts'
import { print } from '../print.ts'

/**
 * Runs the tests of these roles, or of the whole project, one file after another: labs are large. Exit code 2 when a test
 * fails. UsageError when there is no test, or one does not compile.
 */
export async function runTests(roles: readonly string[], inventory: string): Promise<number> {
  const project = dirname(resolve(inventory))
  const files = testFiles(project, roles)
  const compiled = new Map<string, string>()
  for (const source of files) {
    const { file } = await moduleOf(source, inventory)
    if (file === undefined)
      throw new UsageError('the cache cannot be written, and tests run from there', {
        hint: 'export FMC_CACHE=DIR   # a directory of your own',
      })
    compiled.set(file, relative(project, source))
  }
  return report(project, compiled)
}

function testFiles(project: string, roles: readonly string[]): string[] {
  const below = (dir: string): string[] =>
    existsSync(dir)
      ? readdirSync(dir, { withFileTypes: true }).flatMap(entry => {
          const path = join(dir, entry.name)
          if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : below(path)
          return entry.name.endsWith('.test.ts') ? [path] : []
        })
      : []
  const own = existsSync(join(project, 'roles')) ? readdirSync(join(project, 'roles')) : []
  for (const role of roles)
    if (!own.includes(role))
      throw new UsageError(`there is no role ${role} in ${join(project, 'roles')}`, {
        hint: suggestion(role, own) ?? `roles: ${own.join(', ') || 'none'}`,
      })
  const dirs = roles.length > 0 ? roles.map(r => `roles/${r}`) : ['roles', 'playbooks', 'test']
  const files = dirs.flatMap(dir => below(join(project, dir)).sort())
  if (files.length === 0)
    throw new UsageError(`there is no test in ${dirs.map(d => join(project, d)).join(', ')}`, {
      hint: 'write roles/ROLE/index.test.ts; fmc init makes an example',
    })
  return files
}

async function report(project: string, compiled: ReadonlyMap<string, string>): Promise<number> {
  process.chdir(project)
  process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} --enable-source-maps`.trim()
  // Ctrl-C reaches the tests, too; each takes down its lab, and fmc waits for that.
  const seen = { interrupted: false, failed: false }
  const onInterrupt = (): void => void (seen.interrupted = true)
  process.on('SIGINT', onInterrupt)
  const events = runFiles({ files: [...compiled.keys()] })
  events.on('test:fail', ({ todo }) => (seen.failed ||= todo === undefined || todo === false))
  const named = (text: string): string =>
    [...compiled].reduce((t, [file, source]) => t.replaceAll(file, source), text)
  let rest = ''
  for await (const chunk of events.compose(new spec()) as AsyncIterable<string | Buffer>) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    if (lines.length > 0) print(plain(named(lines.join('\n'))))
  }
  if (rest !== '') print(plain(named(rest)))
  process.off('SIGINT', onInterrupt)
  return seen.interrupted ? EXIT.interrupted : seen.failed ? EXIT.failed : EXIT.ok
}

/** Without colours, which the reporter of Node adds on a terminal. */
const plain = (text: string): string => text.replace(/\u001b\[\d*m/g, '')
