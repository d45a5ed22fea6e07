// The examples of docs/write-a-role.md, in a lab: a file with notify, a service and a gate; and roles made by a function.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { proveRole, rig, ROOT } from '../rig/lab.ts'

const page = readFileSync(join(ROOT, 'docs/write-a-role.md'), 'utf8')
const code = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text = '']) => text)
const motd = (code[0] ?? '').replace('../../lib/index.ts', 'fmc')
const site = code.find(text => text.startsWith('// roles/site/index.ts')) ?? ''

void t.test('the documented roles', { timeout: 600_000 }, async t => {
  const dir = t.testdir({
    'inventory.yaml': `timezone: UTC
domain: example.internal
networks:
  lan: { cidr: 192.168.7.0/24, mode: bridge, gateway: 192.168.7.1 }
hosts:
  one: { os: debian 12, nics: [{ network: lan, address: 192.168.7.2 }], vars: { motd_text: hello } }
`,
    roles: { motd: { 'index.ts': motd }, site: { 'index.ts': site } },
    playbooks: {
      'site.ts': `import { play, playbook } from 'fmc'
import motd from '../roles/motd/index.ts'
import main, { siteRole } from '../roles/site/index.ts'
export default playbook('site', [
  play('Welcome', { hosts: 'all', roles: [motd] }),
  play('Sites', { hosts: 'all', roles: [main, siteRole('blog')] }),
])
`,
    },
  })
  const r = await rig(t, 'documented', { inventory: join(dir, 'inventory.yaml') })
  const done = await proveRole(t, r, 'play', 'site')
  const order = done.tasks.filter(e => e.role === 'motd').map(e => e.task)
  t.strictSame(order, [
    'packages cron',
    'file /etc/motd',
    'service cron',
    'handler tell cron',
    'gate cron runs',
  ])
  t.equal(await r.text('one', 'cat /etc/motd /srv/blog/index.html'), 'one: hello\none of 1')

  const changed = await proveRole(t, r, 'role', 'motd', 'one', '-e', 'motd_text=changed')
  t.strictSame(changed.changed, ['one motd/file /etc/motd', 'one motd/handler tell cron'])
  t.equal(await r.text('one', 'cat /etc/motd'), 'one: changed')

  const debug = await r.fmc('role', 'motd', 'one', '-e', 'motd_text=again', '--debug')
  t.equal(debug.code, 0, debug.stderr)
  const [, kept = ''] = /the conversation with each host: (.*\.debug)/.exec(debug.stderr) ?? []
  t.match(readFileSync(join(kept, 'one.log'), 'utf8'), /one: again[^]*--- exit code 0/)
})
