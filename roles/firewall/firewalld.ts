import { ask, resource, type Common } from '../../lib/index.ts'

/** For the guard: keeps whether firewalld is enabled and active. May fail: that is how systemctl says no. */
export const KEEP_FIREWALLD = 'for q in enabled active; do systemctl is-$q firewalld >$q || :; done'

/** For the guard: enables and starts firewalld if it was. */
export const RESTORE_FIREWALLD = `[ "$(cat enabled)" != enabled ] || systemctl -q enable firewalld
[ "$(cat active)" != active ] || systemctl start firewalld`

/** firewalld is stopped and disabled, if the host has it. */
export const giveWay = resource({
  name: (_: Common) => "firewalld gives way to fmc's table",
  needs: () => ({ unit: ask('unit', 'firewalld') }),
  plan(_, { unit: now }) {
    const off = now.active !== 'active' && now.enabled !== 'enabled'
    if (now.load === 'not-found' || off) return []
    const left = { ...now, active: 'inactive', enabled: 'disabled' } as const
    return [
      {
        what: "stop and disable firewalld: fmc's own table is loaded and proven",
        script: 'systemctl -q disable --now firewalld.service',
        factsAfter: [[ask('unit', 'firewalld'), left]],
      },
    ]
  },
})
