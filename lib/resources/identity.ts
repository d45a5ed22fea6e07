import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { PUBLISH, stage } from '../shell/staging.ts'
import { expect, resource, type Common, type Result } from './resource.ts'

const defineHostname = resource({
  name: (o: Common & { readonly hostname: string }) => `hostname ${o.hostname}`,
  // hostname(7): labels of letters, digits and hyphens, at most 63 characters each.
  check: o =>
    expect(
      /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(
        o.hostname,
      ),
      `${JSON.stringify(o.hostname)} is not a host name`,
    ),
  needs: () => ({ now: ask('identity', '') }),
  plan({ hostname: name }, { now }) {
    if (now.hostname === name && now.staticHostname === name) return []
    return [
      {
        // hostname(1) works without a writable /proc/sys, which containers lack.
        what: `${now.hostname} → ${name}`,
        script: `${stage('/etc/hostname')}
printf '%s\\n' ${quote(name)} >new; chmod 0644 new; sync -- new
${PUBLISH}
hostname ${quote(name)} 2>/dev/null || printf %s ${quote(name)} >/proc/sys/kernel/hostname`,
        factsAfter: [[ask('identity', ''), { ...now, hostname: name, staticHostname: name }]],
      },
    ]
  },
})

/**
 * Sets the host's name, now and at boot (hostname(7)).
 *
 * @throws TaskError for an invalid host name.
 *
 * @example
 * await hostname(host().name)
 */
export const hostname = (name: string, options: Common = {}): Promise<Result> =>
  defineHostname({ hostname: name, ...options })

const defineTimezone = resource({
  name: (o: Common & { readonly zone: string }) => `timezone ${o.zone}`,
  check: o =>
    expect(
      /^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+){0,2}$/.test(o.zone),
      `${JSON.stringify(o.zone)} is not a time zone such as Europe/Madrid`,
    ),
  needs: o => ({ now: ask('identity', ''), file: ask('path', `/usr/share/zoneinfo/${o.zone}`) }),
  plan({ zone }, { now, file }, { doubt }) {
    if (now.timezone === zone) return []
    if (file === null && !doubt)
      throw new TaskError(`this host has no time zone ${zone} (/usr/share/zoneinfo/${zone})`)
    return [
      {
        what: `${now.timezone || 'unset'} → ${zone}`,
        script: `${stage('/etc/localtime')}
ln -s -- ${quote(`/usr/share/zoneinfo/${zone}`)} new
${PUBLISH}`,
        factsAfter: [[ask('identity', ''), { ...now, timezone: zone }]],
      },
    ]
  },
})

/**
 * Sets the host's time zone (localtime(5)).
 *
 * @param zone - a name of the tz database, such as Europe/Madrid
 * @throws TaskError for a malformed name, and when the host does not have the zone.
 *
 * @example
 * await timezone(inventory().timezone)
 */
export const timezone = (zone: string, options: Common = {}): Promise<Result> =>
  defineTimezone({ zone, ...options })
