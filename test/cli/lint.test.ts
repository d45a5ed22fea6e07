import t from 'tap'
import { z } from 'zod'
import { lintInventory, lintSchema } from '../../lib/cli/commands/lint.ts'
import { fileWith, small, SMALL } from '../inventory/helpers.ts'

void t.test('no problems', async t => {
  const file = fileWith(t, SMALL)
  t.same(await lintInventory({ file, json: false }), {
    text: `${file}: no problems`,
    exitCode: 0,
    problems: [],
  })
})

void t.test('a warning alone: exit code 0', async t => {
  const file = fileWith(t, small(['memory: 4GB', 'memory: 2GB']))
  const { text, exitCode } = await lintInventory({ file, json: false })
  t.equal(exitCode, 0)
  t.match(text, /:19:32: warning: the 3 VMs of hv .*1 GB more.*\n {2}make VMs smaller/)
  t.match(text, /: 0 errors, 1 warning$/)
})

void t.test('errors: exit code 1', async t => {
  const file = fileWith(t, small(['memory: 4GB', 'memroy: 2GB'], ['[db1]', '[db2]']))
  const { text, exitCode } = await lintInventory({ file, json: false })
  t.equal(exitCode, 1)
  t.match(text, /: 2 errors, 1 warning$/)
  const json = await lintInventory({ file, json: true })
  t.equal(json.exitCode, 1)
  t.match((JSON.parse(json.text) as unknown[])[1], {
    severity: 'error',
    file,
    line: 17,
    column: 17,
  })
})

void t.test('the JSON Schema completes the variables of roles everywhere', async t => {
  const vars = z.object({ nfs_threads: z.int().describe('Server threads') })
  const text = await lintSchema([{ role: 'nfs', vars }])
  t.equal(text.match(/"description": "Server threads"/g)?.length, 3, 'all, groups and hosts')
  t.match(text, /"title": "role nfs"/)
  t.match(await lintSchema(), /json-schema\.org/)
})
