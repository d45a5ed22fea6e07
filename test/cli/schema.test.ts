import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, run } from '../rig/lab.ts'

void t.test('the committed JSON Schema is the one that fmc lint --schema prints', async t => {
  const { code, stdout } = await run([
    process.execPath,
    join(ROOT, 'lib/bin.js'),
    'lint',
    '--schema',
  ])
  t.equal(code, 0)
  t.equal(
    readFileSync(join(ROOT, 'files/inventory.schema.json'), 'utf8'),
    stdout,
    'else: node lib/bin.js lint --schema > files/inventory.schema.json',
  )
})

void t.test('the committed inventory has no errors for the playbook site', async t => {
  const { code, stdout } = await run([process.execPath, join(ROOT, 'lib/bin.js'), 'lint'])
  t.equal(code, 0)
  t.match(stdout, /0 errors, 1 warning/)
  t.match(stdout, /36\.5 GB of memory together, 1\.5 GB more than its 35 GB/)
})
