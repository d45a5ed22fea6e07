// Hosts of which nothing is remembered: how often they are asked, and what.
import t from 'tap'
import { ask } from '../../lib/facts/index.ts'
import { AskAhead } from '../../lib/engine/ask-ahead.ts'
import { SessionAnswers } from '../../lib/engine/host/answers.ts'
import { HostRun } from '../../lib/engine/host/host-run.ts'
import type { SelectedPlay } from '../../lib/engine/define/select.ts'
import { file } from '../../lib/index.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import type { Session } from '../../lib/ssh/types.ts'
import { Hosts, one, tasks } from './hosts.ts'

const PATHS = ['one', 'two', 'three', 'four', 'five', 'six'].map(n => `/srv/${n}`)
const files = one(
  tasks(async () => {
    for (const path of PATHS) await file(path, { content: 'x\n' })
  }),
)
/** How many scripts each host got in a dry run. */
const trips = async (hosts: Hosts): Promise<Record<string, number>> => {
  hosts.scripts.length = 0
  const { code, tasks: events } = await hosts.run([files], { dryRun: true })
  t.equal(code, 0)
  t.equal(events.length, 4 * PATHS.length)
  return Object.fromEntries(
    ['a', 'b', 'c', 'd'].map(h => [h, hosts.scripts.filter(s => s.host === h).length]),
  )
}

void t.test('the other hosts are asked at once what the first one was asked', async t => {
  const hosts = new Hosts(t)
  const first = Object.values(await trips(hosts)).sort((a, b) => a - b)
  t.ok((first[3] ?? 0) >= PATHS.length, `the first host: ${first.join()}`)
  t.strictSame(first.slice(0, 3), [2, 2, 2], 'connected, and asked once')
  t.strictSame(Object.values(await trips(hosts)), [1, 1, 1, 1], 'the next run remembers')
})

void t.test('no secret goes to another host, and no command of a role', async t => {
  const secrets = [new Secret('only a knows it')]
  const scripts: string[] = []
  const hostOf = (into: string[]): HostRun => {
    const session = {
      word: '',
      run: (script: string) => {
        into.push(script)
        return Promise.reject(new Error('no answer'))
      },
    } as unknown as Session
    return new HostRun({} as never, new SessionAnswers(() => session, secrets, false), 'not here')
  }
  const ahead = new AskAhead(secrets)
  const play = {} as SelectedPlay
  const [a, b] = [hostOf([]), hostOf(scripts)]
  await t.rejects(
    ahead.plan(play, a, () =>
      Promise.all([
        a.answers.ask(ask('path', '/srv/plain')),
        a.answers.ask(ask('line', '/etc/app\0password=only a knows it')),
        a.answers.ask(ask('command', 'ls /srv/own')),
      ]),
    ),
  )
  await t.rejects(
    ahead.plan(play, b, () => Promise.resolve()),
    { message: 'no answer' },
  )
  t.match(scripts.join(), '/srv/plain')
  t.notMatch(scripts.join(), 'only a knows it')
  t.notMatch(scripts.join(), '/srv/own')
})
