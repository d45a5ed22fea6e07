import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { $ } from 'zx'
import { nameSourcesInStackTraces } from '../../lib/cli/stack-trace.ts'

const map = Buffer.from(
  JSON.stringify({ version: 3, sources: ['there.ts'], names: [], mappings: 'AAwCA' }),
).toString('base64')

void t.test(
  'stack traces name the sources; zx asks for one in every command, and no map is read for it',
  async t => {
    const kept = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')
    t.teardown(() =>
      Object.defineProperty(Error, 'prepareStackTrace', kept ?? { value: undefined }),
    )
    const dir = t.testdir({
      'made.mjs': `export default text => new Error(text)\n//# sourceMappingURL=data:application/json;base64,${map}\n`,
    })
    const made = (await import(pathToFileURL(join(dir, 'made.mjs')).href)) as {
      default: (text: string) => Error
    }
    nameSourcesInStackTraces()
    t.match(made.default('shown').stack, /there\.ts:41:1/)
    t.match(made.default('zx error').stack, /made\.mjs:1:/)
    const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')?.value as (
      ...of: [Error, NodeJS.CallSite[]]
    ) => string
    const errors: string[] = []
    Error.prepareStackTrace = (error, sites) => {
      errors.push(String(error))
      return prepare(error, sites)
    }
    await $`true`
    t.strictSame(
      [...new Set(errors)],
      ['Error: zx error'],
      'this is the error of this version of zx',
    )
  },
)
