// What a user who is not root learns of a lab: it belongs to root, not that there is none.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readState } from '../../lib/lab/state.ts'

const NOBODY = 65534

void t.test('a lab of root is not taken for one that is not up', t => {
  const dir = mkdtempSync(join(tmpdir(), 'fmc-labs-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  chmodSync(dir, 0o755)
  mkdirSync(join(dir, 'one'), { mode: 0o700 })
  writeFileSync(join(dir, 'one', 'state.json'), '{}')
  process.env['FMC_LAB_DIR'] = dir
  t.teardown(() => delete process.env['FMC_LAB_DIR'])
  const isRoot = process.geteuid?.() === 0
  if (!isRoot) chmodSync(join(dir, 'one'), 0)
  try {
    process.seteuid?.(isRoot ? NOBODY : (process.geteuid?.() ?? 0))
    t.throws(() => readState('one'), { message: 'only root can see lab one', hint: /sudo npx fmc/ })
    t.equal(readState('none'), undefined)
  } finally {
    process.seteuid?.(isRoot ? 0 : (process.geteuid?.() ?? 0))
    chmodSync(join(dir, 'one'), 0o700)
  }
  t.end()
})
