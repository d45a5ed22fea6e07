// fmc drift --install: the text of the units, what is written, and what is left alone.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { removeUnits, writeUnits } from '../../lib/cli/drift/install.ts'
import { MARK, unitName, unitTexts, unitWord, type UnitsOf } from '../../lib/cli/drift/units.ts'

const OF: UnitsOf = {
  name: 'fmc-drift-test.internal-site',
  argv: [process.execPath, '/srv/my cloud/fmc.js', 'drift', 'site', '-l', 'a:!b$c%n"d'],
  directory: '/tmp',
  environment: { FMC_STATE: '/var/lib/50%' },
  writes: ['/tmp', '/var/lib/my cloud'],
  everyMs: 300_000,
  user: false,
}
const SERVICE = `${OF.name}.service`
const TIMER = `${OF.name}.timer`
const ASKED = 'show --property=Version'

void t.test('the units', t => {
  const { [SERVICE]: service = '', [TIMER]: timer = '' } = unitTexts(OF)
  t.match(
    service,
    `ExecStart=${process.execPath} "/srv/my cloud/fmc.js" drift site -l "a:!b$$c%%n\\"d"\n`,
  )
  t.match(service, 'Environment="FMC_STATE=/var/lib/50%%"\n')
  t.match(service, 'ReadWritePaths=/tmp\nReadWritePaths="/var/lib/my cloud"\n')
  t.match(service, 'SuccessExitStatus=3\n')
  t.match(service, 'PrivateTmp=no\n', 'its directory is in /tmp')
  t.match(unitTexts({ ...OF, directory: '/srv', writes: [] })[SERVICE], 'PrivateTmp=yes\n')
  t.match(timer, 'OnUnitInactiveSec=300s\n')
  t.ok(service.startsWith(`${MARK}\n`) && timer.startsWith(`${MARK}\n`))
  for (const directory of ['/srv/a\nExecStartPre=/bin/false', '/srv/a\\', '/srv/a '])
    t.throws(() => unitTexts({ ...OF, directory }), /a systemd unit cannot name the directory/)
  const own = unitTexts({ ...OF, user: true })[SERVICE] ?? ''
  t.notMatch(own, /Protect|Private|Capability|ReadWritePaths/, 'a user’s manager cannot do that')
  t.match(own, 'NoNewPrivileges=yes\n')
  t.equal(unitName('cloud internal', '../site'), 'fmc-drift-cloud-internal-..-site')
  t.end()
})

void t.test('systemd takes a word as it is, whatever is in it', t => {
  fc.assert(
    fc.property(fc.string(), text => {
      const word = unitWord(text, { variables: true })
      const bare = word.startsWith('"') ? word.slice(1, -1) : word
      // No specifier, variable or end of the quotes is left.
      return (
        !/%/.test(bare.replaceAll('%%', '')) &&
        !/\$/.test(bare.replaceAll('$$', '')) &&
        !/["\\]/.test(bare.replaceAll(/\\(?:["\\]|x[0-9a-f]{2})/g, '')) &&
        !/\p{Cc}/u.test(bare)
      )
    }),
  )
  t.pass('words')
  t.end()
})

const analyze = spawnSync('systemd-analyze', ['--version']).status === 0

void t.test('systemd-analyze finds nothing', { skip: !analyze && 'no systemd-analyze here' }, t => {
  const dir = t.testdir(unitTexts({ ...OF, argv: [process.execPath, 'drift', 'a b'] }))
  const done = spawnSync(
    'systemd-analyze',
    ['verify', ...[SERVICE, TIMER].map(n => join(dir, n))],
    {
      encoding: 'utf8',
    },
  )
  t.notMatch(done.stderr, /fmc-drift[^\n]*:\d+:/, 'no line is wrong')
  t.notMatch(done.stderr, /Unknown (?:key|section|lvalue)/)
  t.end()
})

void t.test('installed twice, changed, removed; another’s unit stays', t => {
  const dir = t.testdir()
  const calls: string[] = []
  const run = (...args: readonly string[]): void => void calls.push(args.join(' '))
  const since = (): string[] => calls.splice(0)
  const none = (): void => {
    throw new Error('no systemd')
  }
  t.throws(() => writeUnits(dir, unitTexts(OF), none), /no systemd/)
  t.same(readdirSync(dir), [], 'without systemd nothing is written')
  t.equal(writeUnits(dir, unitTexts(OF), run), true)
  t.same(since(), [ASKED, 'daemon-reload', `enable --now ${TIMER}`, `restart ${TIMER}`])
  t.same(readdirSync(dir), [SERVICE, TIMER])
  const before = statSync(join(dir, SERVICE)).mtimeMs
  t.equal(writeUnits(dir, unitTexts(OF), run), false, 'idempotent')
  t.same(since(), [ASKED, `enable --now ${TIMER}`])
  t.equal(statSync(join(dir, SERVICE)).mtimeMs, before)
  t.equal(writeUnits(dir, unitTexts({ ...OF, argv: ['/bin/true'] }), run), true)
  t.same(since(), [ASKED, 'daemon-reload', `enable --now ${TIMER}`])
  t.match(readFileSync(join(dir, SERVICE), 'utf8'), 'ExecStart=/bin/true\n')
  t.equal(removeUnits(dir, OF.name, run).length, 2)
  t.same(since(), [`disable --now ${TIMER}`, `stop ${SERVICE}`, 'daemon-reload'])
  t.same(readdirSync(dir), [])
  t.same(removeUnits(dir, OF.name, run), [], 'nothing is left to remove')
  writeFileSync(join(dir, SERVICE), '[Service]\nExecStart=/bin/mine\n')
  t.throws(() => writeUnits(dir, unitTexts(OF), run), /is not fmc's/)
  t.throws(() => removeUnits(dir, OF.name, run), /is not fmc's/)
  t.same(readdirSync(dir), [SERVICE], 'nothing half-done')
  t.same(since(), [])
  t.end()
})
