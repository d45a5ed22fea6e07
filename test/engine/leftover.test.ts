// What a host keeps when it stops in the middle of a change: the next run says so, and removes it.
import t from 'tap'
import { file, line, link } from '../../lib/index.ts'
import { Hosts, one, tasks } from './hosts.ts'

const PATHS = ['file', 'line', 'link', 'mode'].map(name => `/srv/${name}`)

void t.test('a private directory that an interrupted run has left', async t => {
  const hosts = new Hosts(t)
  const play = (mode: string, content = 'as declared\n') =>
    one(
      tasks(async () => {
        await file('/srv/file', { content })
        await line('/srv/line', 'a line')
        await link('/srv/link', '/srv/file')
        await file('/srv/mode', { content: 'mode\n', mode })
      }),
      { hosts: 'a' },
    )
  t.match(await hosts.run([play('0644')]), { code: 0 })
  const leave = (what: string) =>
    hosts.sh(
      'a',
      PATHS.map(p => `mkdir -m 700 ${p}.fmc-new; ${what.replaceAll('DIR', `${p}.fmc-new`)}`).join(
        '; ',
      ),
    )
  const left = async () =>
    (await hosts.sh('a', 'ls -d /srv/*.fmc-new')).stdout.trim().split('\n').filter(Boolean)

  for (const what of [
    ':',
    'echo part >DIR/new',
    'echo part >DIR/new; chmod 711 DIR',
    'ln -s /etc/hostname DIR/new',
  ]) {
    await leave(what)
    const planned = await hosts.run([play('0600')], { dryRun: true })
    t.equal(planned.changed.length, 4, `${what}: ${planned.failures.join(' ')}`)
    t.equal((await left()).length, 4, 'the dry run leaves it alone')
    const ran = await hosts.run([play('0600')])
    t.match(
      ran,
      { code: 0, changed: planned.changed, recap: { unpredicted: 0 } },
      ran.failures.join('\n'),
    )
    t.strictSame(await left(), [])
    t.match(await hosts.run([play('0600')]), { code: 0, changed: [] })
  }

  await leave('echo part >DIR/new')
  t.match(await hosts.run([play('0600', 'other\n')]), { code: 0 })
  t.strictSame(await left(), [], 'also where the content changes')

  await leave('echo precious >DIR/precious')
  t.match(
    await hosts.run([play('0600', 'other\n')]),
    { code: 0, changed: [] },
    'a directory of somebody else is none of fmc',
  )
  t.equal((await left()).length, 4)
  await hosts.sh(
    'a',
    'rm -r /srv/*.fmc-new; for p in file line link mode; do mkdir /srv/$p.fmc-new; chown 65534 /srv/$p.fmc-new; done',
  )
  t.match(
    await hosts.run([play('0600', 'other\n')]),
    { code: 0, changed: [] },
    'nor is another user',
  )
})
