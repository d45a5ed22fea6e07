import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { rig, ROOT } from '../rig/lab.ts'
import { arenaOf } from './arena.ts'
import { bring, duel, HEAD, row, settle, type Outcome } from './rig.ts'

const ROUNDS = Number(process.env['FMC_ADVERSARY_ROUNDS'] ?? 1000)
const KINDS = (process.env['FMC_ADVERSARY_KINDS'] ?? 'file,access,directory,line,link,send').split(',')
const SEED = Number(process.env['FMC_ADVERSARY_SEED'] ?? 1)

void t.test('an unprivileged user races fmc in directories of its own', { timeout: 1_800_000 }, async t => {
  const dir = t.testdir({
    roles: { adversary: { 'index.ts': `export { default } from '${join(ROOT, 'test/adversary/role.ts')}'\n` } },
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
  for (const kind of KINDS)
    await t.test(kind, async t => {
      const o = await duel(t, r, arenaOf(kind), { rounds: ROUNDS, seed: SEED, work, but: [`/srv/adversary/${kind}/home`] })
      outcomes.push(o)
      t.comment(`${row(o)}\n${JSON.stringify(o.report.Counts)}\n${[...o.run.tasks].sort((x, y) => y.ms - x.ms).slice(0, 5).map(e => `${e.task} ${Math.round(e.ms)} ms`).join(', ')}\n${o.report.Impossible.join('; ')}\n${o.report.Won.slice(0, 40).join('\n')}\n${[...o.messages].map(([m, n]) => `${n} × ${m}`).join('\n')}`)
      t.ok(o.rounds >= ROUNDS, `${o.rounds} rounds`)
      t.strictSame(o.wins.slice(0, 30), [], `${o.wins.length} wins`)
      t.equal(o.hung, 0, 'no FIFO of the adversary was opened')
      const again = await settle(r, kind, work)
      t.equal(again.code, 0, again.failures.join('\n'))
      t.strictSame((await settle(r, kind, work)).changed, [])
    })
  t.comment([HEAD, ...outcomes.map(row)].join('\n'))
})
