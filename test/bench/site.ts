import { join } from 'node:path'
import { Questions } from '../../lib/engine/host/questions.ts'
import { batch } from '../../lib/facts/index.ts'
import { enterLab, sshCommand } from '../../lib/lab/enter.ts'
import { type LabState } from '../../lib/lab/index.ts'
import { quoteAll } from '../../lib/shell/quote.ts'
import { labName } from '../rig/lab.ts'
import { fmcFidelity, type Fidelity } from './fidelity.ts'
import { cacheOf, fmcPlay, nothingChanged, told } from './fmc.ts'
import { bootLab } from './lab.ts'
import { good, rounds, run, type Run } from './measure.ts'
import { put, ROOT } from './project.ts'
import { addSection, judge, ratio } from './results.ts'

const FIRST = 'site, first apply'
const SAME = 'site, no change'
const INVENTORY = join(ROOT, 'inventory.yaml')

/** The whole cloud of inventory.yaml: from an empty lab, then with nothing to do. */
export async function wholeSite(
  dir: string,
  count: number,
  say: (text: string) => void,
): Promise<Fidelity> {
  const state = await bootLab(labName('bench-site'), INVENTORY, say)
  const site = (...args: readonly string[]): Promise<Run> =>
    fmcPlay(dir, { state, name: state.name, inventory: INVENTORY }, 'site', ROOT, ...args)
  say('the whole site: dry run, apply')
  const predicted = told('fmc --dry-run', await site('--dry-run', '--output', 'json'))
  const first = await site('--output', 'json')
  const done = told('fmc', first)
  addSection(FIRST, 'fmc', new Map([['fmc', [first]]]))
  say('the whole site: no change')
  const unchanged = async (): Promise<Run> => good('fmc', await site(), nothingChanged)
  await unchanged()
  const loop = put(dir, 'check-site.sh', await checkLoop(dir, state))
  const contenders = [
    { name: 'fmc', run: unchanged },
    {
      name: 'ssh loop',
      run: async () => good('the ssh loop', await run(enterLab(state, ['sh', loop]))),
    },
  ]
  addSection(SAME, 'ssh loop', await rounds(contenders, count))
  judge(`${SAME}: fmc / ssh loop`, ratio(SAME, 'fmc', 'ssh loop'), 'x', { atMost: 0.8 })
  return fmcFidelity(predicted, done)
}

/**
 * A shell loop: one fresh ssh per host, all at once. Each host gets one script that asks what fmc asks there, the
 * cluster's health too, with one process per kind of question.
 */
async function checkLoop(dir: string, state: LabState): Promise<string> {
  const lines = await Promise.all(
    state.hosts.map(async ({ name }) => {
      const questions = batch(new Questions(cacheOf(dir), INVENTORY, 'play site', name).load())
      const ssh = sshCommand(state, name, [`PATH=$PATH:/opt/bin; ${questions.script}`])
      // It would throw if it were not the answer to these questions.
      questions.parse(good(`the check script on ${name}`, await run(enterLab(state, ssh))), '')
      const file = put(dir, `check-site-${name}.sh`, ssh.at(-1) ?? '')
      return `${quoteAll(ssh.slice(0, -1))} "$(cat ${file})" </dev/null >/dev/null 2>&1 & pids="$pids $!"`
    }),
  )
  return [
    'pids=',
    ...lines,
    'bad=0',
    'for pid in $pids; do wait "$pid" || bad=$?; done',
    'exit $bad',
    '',
  ].join('\n')
}
