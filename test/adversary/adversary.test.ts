import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { rig, ROOT } from '../rig/lab.ts'
import { arenaOf, PG_CONFIG, PG_DIRS, PG_HOMES, postgresArena, type Arena } from './arena.ts'
import { bring, detail, duel, HEAD, row, settle, type Outcome } from './rig.ts'

const ROUNDS = Number(process.env['FMC_ADVERSARY_ROUNDS'] ?? 30)
/** Resource → rounds for every thousand; an upload takes half a second, those of PostgreSQL start servers and make keys. */
const RESOURCES = { file: 1000, access: 1000, directory: 1000, line: 1000, link: 1000, send: 300 }
const POSTGRESQL = { certificate: 500, configuration: 500, check: 16, cluster: 8 }
const only = process.env['FMC_ADVERSARY_KINDS']?.split(',')
const chosen = (kinds: Readonly<Record<string, number>>): [kind: string, rounds: number][] =>
  Object.entries(kinds)
    .filter(([kind]) => only?.includes(kind) ?? true)
    .map(([kind, share]) => [kind, Math.ceil((ROUNDS * share) / 1000)])
const SEED = Number(process.env['FMC_ADVERSARY_SEED'] ?? 1)

void t.test(
  'an unprivileged user races fmc in directories of its own',
  { timeout: 1_800_000 },
  async t => {
    const dir = t.testdir({
      roles: {
        adversary: {
          'index.ts': `export { default } from '${join(ROOT, 'test/adversary/role.ts')}'\n`,
        },
      },
    })
    const work = join(dir, 'work')
    mkdirSync(work)
    for (const of of ['sent-a', 'sent-b']) writeFileSync(join(work, of), `${of}\n`.repeat(4000))
    const inventory = join(dir, 'inventory.yaml')
    writeFileSync(
      inventory,
      `timezone: UTC
domain: adversary.internal
artifacts: { coredns: { path: ${work}/sent-a }, k3s: { path: ${work}/sent-b } }
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
hosts:
  a:
    os: debian 12
    nics: [{ network: lan, address: 192.168.0.11 }]
`,
    )
    const r = await rig(t, 'adversary', { inventory })
    await bring(r, dir)
    const outcomes: Outcome[] = []
    const under = async (
      t: Test,
      a: Arena,
      rounds: number,
      homes: readonly string[],
      mend = '',
    ): Promise<void> => {
      const o = await duel(t, r, a, { rounds, seed: SEED, work, but: homes })
      outcomes.push(o)
      t.comment(detail(o))
      t.ok(o.rounds >= rounds, `${o.rounds} rounds`)
      t.strictSame(o.wins.slice(0, 40), [], `${o.wins.length} wins`)
      t.equal(o.hung, 0, 'it never hangs on a FIFO')
      await r.text('a', mend)
      const again = await settle(r, a.kind, work)
      t.equal(again.code, 0, `without the adversary it converges ${again.failures.join('\n')}`)
      t.strictSame((await settle(r, a.kind, work)).changed, [], 'and then there is nothing to do')
    }
    for (const [kind, rounds] of chosen(RESOURCES))
      await t.test(kind, t => under(t, arenaOf(kind), rounds, [`/srv/adversary/${kind}/home`]))
    if (chosen(POSTGRESQL).length > 0) {
      const installed = await r.fmc('role', 'postgresql', 'a')
      t.equal(installed.code, 0, installed.failures.join('\n'))
      await r.text('a', `cp ${PG_CONFIG} /run/adversary.conf`)
      // The package made it, and postgres owns it and may remove it for good: no resource here makes it again.
      const mend = `setpriv --reuid=postgres --regid=postgres --clear-groups sh -c 'rm -rf ${PG_CONFIG}; cp /run/adversary.conf ${PG_CONFIG}'`
      for (const [kind, rounds] of chosen(POSTGRESQL)) {
        if (kind === 'cluster') await r.text('a', 'systemctl stop postgresql@15-main')
        const owned = await r.text(
          'a',
          `stat -c '%U %n' ${PG_DIRS.join(' ')} 2>/dev/null | sed -n 's/^postgres //p'`,
        )
        await t.test(kind, t =>
          under(
            t,
            postgresArena(kind, owned.split('\n')),
            rounds,
            PG_HOMES,
            kind === 'cluster' ? '' : mend,
          ),
        )
      }
    }
    t.comment([HEAD, ...outcomes.map(row)].join('\n'))
  },
)
