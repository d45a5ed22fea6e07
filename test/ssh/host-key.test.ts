import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { generateHostKey } from '../../lib/ssh/host-key.ts'

// The padding of the private part depends on the length of the comment (PROTOCOL.key).
void t.test('ssh-keygen reads a key pair with any comment', t => {
  const dir = t.testdir()
  const seen = new Set<string>()
  for (let length = 0; length <= 9; length++) {
    const comment = 'c'.repeat(length)
    const pair = generateHostKey(comment)
    const file = join(dir, `key-${length}`)
    writeFileSync(file, pair.private, { mode: 0o600 })
    const { stdout, stderr } = spawnSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' })
    t.equal(stderr, '')
    t.equal(stdout.trim(), `${pair.public} ${comment}`.trim())
    seen.add(pair.public)
  }
  t.equal(seen.size, 10, 'each is new')
  t.end()
})
