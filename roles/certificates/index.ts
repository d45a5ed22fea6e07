import {
  ask,
  observe,
  probe,
  quote,
  resource,
  role,
  type Common,
  type Finding,
  type Findings,
  type Page,
} from '../../lib/index.ts'
import { outOfPool } from '../shared/balancers.ts'
import { CERTIFICATES, parseDates } from '../shared/k3s/certificates.ts'
import { k3sUnitOf } from '../shared/k3s/node-ready.ts'
import { nodeServes } from '../shared/k3s/serving.ts'
import { vars } from './vars.ts'

export default role({
  name: 'certificates',
  summary: 'Restarts K3s where certificates end soon, which renews them',
  vars,
  async tasks({ vars, host }) {
    const unit = k3sUnitOf(host)
    const days = vars.certificates_renew_days
    const work = async (): Promise<void> => {
      await renewed({ unit, days })
      await nodeServes(host)
    }
    await (unit === 'k3s' ? outOfPool(host, 'k3s', await endSoon(days), work) : work())
  },
})

const question = ask('command', `sh -c ${quote(CERTIFICATES)}`)

/** Will `renewed` restart K3s? */
async function endSoon(days: number): Promise<boolean> {
  const { exitCode, stdout, stderr } = await probe`sh -c ${CERTIFICATES}`
  const { certificateDays: left } = parseDates({ code: exitCode ?? 1, stdout, stderr })
  return left !== undefined && left < days
}

const renewed = resource({
  name: (o: Common & { readonly unit: string; readonly days: number }) =>
    `certificates of ${o.unit}`,
  needs: () => ({ dates: question }),
  plan({ unit, days }, { dates }) {
    const { certificateDays: left } = parseDates(dates)
    observe(left)
    if (left === undefined || left >= days) return []
    return [
      {
        what: left < 0 ? 'restart: they have ended' : `restart: they end in ${left} days`,
        // Not waited for, because the gates wait.
        script: `systemctl stop ${unit}.service && systemctl --no-block start ${unit}.service`,
        factsAfter: [[question, { code: 0, stderr: '', stdout: 'certificate 31536000\nnow 0\n' }]],
      },
    ]
  },
})

/** The playbook's page: how long the certificates of each node last. */
export function page({ hosts, found, lost, inventory }: Findings): Page {
  const findings = hosts.map(({ name }): Finding => {
    const left = found(name, 'certificates')
    if (lost.has(name)) return { level: 'degraded', text: `${name}: ${lost.get(name) ?? ''}` }
    if (typeof left !== 'number') return { level: 'notice', text: `${name}: no certificate yet` }
    const level = left < 0 ? 'broken' : left < 7 ? 'degraded' : left < 60 ? 'notice' : 'fine'
    return { level, text: `${name}: ${left} days` }
  })
  const order = ['broken', 'degraded', 'notice', 'fine']
  findings.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
  return {
    title: `Certificates of K3s in ${inventory.domain}: days until the first one ends`,
    findings,
  }
}
