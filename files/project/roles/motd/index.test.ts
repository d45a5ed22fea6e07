import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proveRole } from 'fmc/testing'
import { message } from './templates.ts'

test('the message names the host and the contact', () => {
  const text = message({ host: 'web1', contact: 'ops@example.org' })
  assert.match(text, /^This is web1\./)
  assert.match(text, /Questions: ops@example\.org\n$/)
})

// The lab needs root: sudo npm test
const root = process.getuid?.() === 0

test('motd in the lab', { skip: root ? false : 'needs root' }, async () => {
  const { run } = await proveRole({ role: 'motd', hosts: '@HOSTS@', vars: { motd_contact: 'ops' } })
  assert.ok(run.changed.includes('@FIRST@ motd/file /etc/motd'))
  assert.ok(run.changed.includes('@FIRST@ motd/handler log the change'))
})
