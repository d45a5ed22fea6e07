import { join } from 'node:path'
import t from 'tap'
import { run } from '../rig/lab.ts'
import { BIN, inventoryText, roleText } from './project.ts'

/** Nothing may be connected to: every ssh would have to go through this address, where nobody listens. */
const NOWHERE = 'ssh: { host: 127.0.0.1, port: 9 }'

void t.test('a wrong command line is one clear error and connects to nothing', async t => {
  const vars = "u_count: z.number().describe('x')"
  const dir = t.testdir({
    'inventory.yaml': inventoryText(
      () => [NOWHERE],
      ['groups:', '  web: { hosts: [a, b] }', 'all:', '  vars: { u_count: many }'],
    ),
    'good.yaml': inventoryText(() => [NOWHERE]),
    'broken.yaml': 'timezone: [UTC\nhosts: {}\n',
    playbooks: {
      'site.ts':
        "import { play, playbook } from 'fmc'\nimport typed from '../roles/typed/index.ts'\nexport default playbook('site', [play('Web', { hosts: 'web', roles: [typed] })])\n",
      'wrong.ts': 'export default { stages: 1 }\n',
      'throws.ts': "throw new Error('at load time')\n",
    },
    roles: {
      typed: {
        'index.ts': roleText('typed', "    await file('/run/x', { content: 'x' })", { vars }),
      },
      plain: { 'index.ts': roleText('plain', "    await file('/run/x', { content: 'x' })") },
      syntax: {
        'index.ts': "import { role } from 'fmc'\nexport default role({\n  name 'syntax',\n})\n",
      },
      imports: { 'index.ts': "import x from './missing.ts'\nexport default x\n" },
      secretive: {
        'index.ts': roleText('secretive', '    return', {
          vars: "s_pw: z.instanceof(fmc.Secret).describe('x')",
        }),
      },
    },
  })
  const good = ['-i', 'good.yaml']
  const table: readonly (readonly [args: readonly string[], says: RegExp, why: string])[] = [
    [['play', 'sitee'], /there is no playbook sitee\n.*site/, 'an unknown playbook'],
    [
      ['play', 'wrong', ...good],
      /playbooks\/wrong\.ts: its default export is not a playbook/,
      'not a playbook',
    ],
    [['play', 'throws', ...good], /playbooks\/throws\.ts.*at load time/, 'a playbook that throws'],
    [['role', 'plane', 'all', ...good], /there is no role plane\n.*plain/, 'an unknown role'],
    [['role', 'plain', 'd', ...good], /\bd\b/, 'an unknown host'],
    [
      ['role', 'plain', 'all:!all', ...good],
      /nothing to do|matches no host/,
      'a pattern of nothing',
    ],
    [['role', 'plain', 'a[', ...good], /nothing to do/, 'a broken pattern'],
    [['play', 'site', '--limit', 'nobody'], /nobody/, 'a limit that is unknown'],
    [
      ['play', 'site', '--role', 'plain', '-e', 'u_count=1'],
      /the playbook site has no role plain/,
      'a role that is not in it',
    ],
    [
      ['play', 'site', '--tags', 'x', '-e', 'u_count=1'],
      /the playbook site has no tag x/,
      'tags that are nowhere',
    ],
    [['play'], /missing required argument 'playbook'/, 'no playbook'],
    [['play', 'site', '--dry'], /unknown option '--dry'/, 'an unknown option'],
    [['play', 'site', '--forks', 'x'], /--forks x: expected a whole number/, 'a wrong number'],
    [['play', 'site', '--output', 'xml'], /--output.*xml.*Allowed choices/, 'a wrong format'],
    [['pley', 'site'], /unknown command 'pley'/, 'an unknown command'],
    [['play', 'site'], /inventory\.yaml:\d+:\d+: .*u_count/, 'a variable of the wrong type'],
    [['role', 'typed', 'c', ...good], /u_count/, 'a missing variable'],
    [['play', 'site', '-e', 'u_count'], /u_count/, '-e without a value'],
    [['role', 'plain', 'all', '-i', 'missing.yaml'], /missing\.yaml/, 'no inventory'],
    [['role', 'plain', 'all', '-i', 'broken.yaml'], /broken\.yaml:\d+:\d+: /, 'a broken inventory'],
    [
      ['role', 'syntax', 'all', ...good],
      /roles\/syntax\/index\.ts:3:\d+: /,
      'a role that is no TypeScript',
    ],
    [
      ['role', 'imports', 'all', ...good],
      /roles\/imports\/index\.ts:1:\d+: .*missing\.ts/,
      'a role that imports nothing',
    ],
    [['hosts', 'nobody'], /nobody/, 'hosts of nobody'],
    [['run', 'a', ...good], /needs a command/, 'nothing to run'],
    [['doc', 'plane'], /there is no role plane/, 'a manual of nothing'],
  ]
  for (const [args, says, why] of table) {
    const ran = await run([process.execPath, BIN, ...args], {
      cwd: dir,
      env: { FMC_CACHE: join(dir, 'cache') },
    })
    t.equal(ran.code, 1, `${why}: ${ran.stderr}`)
    t.equal(ran.stdout, '', `${why}: stdout is empty`)
    t.match(ran.stderr, says, why)
    t.notMatch(ran.stderr, /^\s+at |bug in fmc|127\.0\.0\.1/m, `${why}: no stack, no connection`)
    t.ok(ran.stderr.trim().split('\n').length <= 4, `${why}: it is short`)
  }
})
