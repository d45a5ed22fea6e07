// fmc drift --watch: the inventory and the code of roles are read again when they change.
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Sources } from '../../lib/cli/drift/sources.ts'

void t.test('a change is read, and a mistake leaves the last good state in use', async t => {
  const dir = t.testdir()
  const env = { ...process.env }
  process.env['FMC_CACHE'] = join(dir, 'cache')
  t.teardown(() => {
    process.env = env
  })
  let seconds = 1_700_000_000
  const write = (file: string, text: string): void => {
    mkdirSync(join(dir, file, '..'), { recursive: true })
    writeFileSync(join(dir, file), text)
    // Two writes within one tick of the clock differ in their time all the same.
    utimesSync(join(dir, file), ++seconds, seconds)
  }
  const inventory = (hosts: string): void =>
    write(
      'inventory.yaml',
      `timezone: UTC
domain: test.internal
networks: { lan: { cidr: 10.0.0.0/24, mode: bridge, gateway: 10.0.0.1 } }
hosts:
  a: { os: debian 12, nics: [{ network: lan, address: 10.0.0.11 }] }
${hosts}`,
    )
  const role = (summary: string): void =>
    write(
      'roles/mine/index.ts',
      `import { role, z } from 'fmc'
export default role({ name: 'mine', summary: '${summary}', vars: z.object({}), tasks: () => Promise.resolve() })
`,
    )
  write(
    'playbooks/mine.ts',
    `import { play, playbook } from 'fmc'
import mine from '../roles/mine/index.ts'
export default playbook('mine', [play('Mine', { hosts: 'all', roles: [mine] })])
`,
  )
  role('first')
  inventory('')
  const sources = new Sources('mine', { inventory: join(dir, 'inventory.yaml'), forks: '5' })
  await sources.open()
  const look = async (): Promise<string> => {
    const { ready, changed, error } = await sources.current()
    const [play] = ready.stages.flat()
    const hosts = ready.hosts.map(h => h.name).join('+')
    return [changed.join('+'), hosts, play?.roles[0]?.summary, error?.message ?? ''].join('|')
  }
  t.equal(await look(), '|a|first|')
  role('second')
  t.equal(await look(), 'index.ts|a|second|', 'the code that runs is the new one')
  t.equal(await look(), '|a|second|', 'once')
  role('first')
  t.equal(await look(), 'index.ts|a|first|', 'back to code that was there before')
  inventory('  b: { os: debian 12, nics: [{ network: lan, address: 10.0.0.12 }] }\n')
  t.equal(await look(), 'inventory.yaml|a+b|first|')
  inventory('  c: { os: nonsense }\n')
  t.match(await look(), /^inventory\.yaml\|a\+b\|first\|.*inventory\.yaml:6:/)
  t.equal(await look(), '|a+b|first|', 'it says so once')
  role('it’s broken')
  t.match(await look(), /^index\.ts\|a\+b\|first\|/, 'another change, still wrong')
  role('third')
  inventory('')
  t.equal(await look(), 'inventory.yaml+index.ts|a|third|', 'mended')
  write('roles/mine/index.ts', 'export default {')
  t.match(await look(), /^index\.ts\|a\|third\|.*roles\/mine\/index\.ts:1:/)
})
