import { ask, resource, type Common, type Host } from '../../lib/index.ts'
import { forgetHost } from '../shared/k3s/forget.ts'
import { DATA_DIR } from '../shared/k3s/platform.ts'
import { serverNamed } from '../shared/k3s/survey.ts'
import type { Step } from './bootstrap.ts'

/** Makes room for a server that lost its data: deletes its Node, its etcd member, and moves what is left of its data aside. */
export async function rebuild(
  { name }: Host,
  { via, node, member, stale }: Extract<Step, { kind: 'rebuild' }>,
): Promise<void> {
  await forgetHost({ name, via: serverNamed(via.name), node, member })
  if (stale) await dataSetAside({})
}

const DB = `${DATA_DIR}/server/db/etcd`

/** A member that the cluster has removed cannot use its data again. The data is kept, under another name. */
const dataSetAside = resource({
  name: (_: Common) => `old data ${DB}`,
  needs: () => ({ now: ask('path', DB), unit: ask('unit', 'k3s') }),
  plan: (_, { now, unit }) =>
    now === null
      ? []
      : [
          {
            what: 'set aside',
            script: `systemctl stop k3s.service; mv -T -- ${DB} "${DB}-removed-$(date +%Y%m%dT%H%M%S)"`,
            factsAfter: [
              [ask('path', DB), null],
              [ask('unit', 'k3s'), { ...unit, active: 'inactive' }],
            ],
          },
        ],
})
