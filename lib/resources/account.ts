import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { expect, resource, type Common, type Result } from './resource.ts'
import type { FactAfter } from './scope.ts'

/** useradd(8) and groupadd(8): what both accept on Debian, EL and Flatcar. */
const checkName = (name: string): void =>
  expect(
    /^[a-z_][a-z0-9_-]{0,31}$/.test(name),
    `${JSON.stringify(name)} is not a user or group name`,
  )

export interface GroupOptions extends Common {
  /** Create it with a gid from the system range; default false. */
  readonly system?: boolean | undefined
  /** Number; default: groupadd chooses one. */
  readonly gid?: number | undefined
}

const defineGroup = resource({
  name: (o: GroupOptions & { readonly name: string }) => `group ${o.name}`,
  check: o => checkName(o.name),
  needs: o => ({ now: ask('group', o.name) }),
  plan(o, { now }) {
    if (now !== null && o.gid !== undefined && now.gid !== o.gid)
      throw new TaskError(`group ${o.name} has the gid ${now.gid}, not ${o.gid}`, {
        hint: 'fmc does not renumber groups: files would lose their group',
      })
    if (now !== null) return []
    const flags = `${o.system ? '--system ' : ''}${o.gid === undefined ? '' : `--gid ${o.gid} `}`
    return [
      {
        what: 'create',
        script: `groupadd ${flags}-- ${quote(o.name)}`,
        factsAfter: [[ask('group', o.name), { gid: o.gid ?? -1, members: [] }]],
      },
    ]
  },
})

/**
 * Makes sure that a local group exists. fmc never changes the gid of an existing group.
 *
 * @throws TaskError for an invalid name and for an existing group with another gid.
 *
 * @example
 * await group('app', { system: true })
 */
export const group = (name: string, options: GroupOptions = {}): Promise<Result> =>
  defineGroup({ name, ...options })

export interface UserOptions extends Common {
  /** Primary group, which must exist; default: the group with the user's name. */
  readonly group?: string | undefined
  /** Create it with a uid from the system range; default false. */
  readonly system?: boolean | undefined
  /** Number; default: useradd chooses one. */
  readonly uid?: number | undefined
  /** Home directory; default /home/NAME for a new user. */
  readonly home?: string | undefined
  /** Create the home directory together with the user; default false. */
  readonly createHome?: boolean | undefined
  /** Login shell; default /usr/sbin/nologin for a new user. */
  readonly shell?: string | undefined
}

const defineUser = resource({
  name: (o: UserOptions & { readonly name: string }) => `user ${o.name}`,
  check(o) {
    checkName(o.name)
    checkName(o.group ?? o.name)
  },
  needs: o => ({ now: ask('user', o.name), group: ask('group', o.group ?? o.name) }),
  plan(o, { now, group: g }, { doubt }) {
    const groupName = o.group ?? o.name
    const shell = o.shell ?? now?.shell ?? '/usr/sbin/nologin'
    if (g === null && !doubt) throw new TaskError(`there is no group ${groupName}`)
    if (now !== null && o.uid !== undefined && now.uid !== o.uid)
      throw new TaskError(`user ${o.name} has the uid ${now.uid}, not ${o.uid}`, {
        hint: 'fmc does not renumber users: files would lose their owner',
      })
    const home = o.home ?? now?.home ?? `/home/${o.name}`
    const factsAfter: FactAfter[] = [
      [ask('user', o.name), { uid: now?.uid ?? o.uid ?? -1, gid: g?.gid ?? -1, home, shell }],
    ]
    if (now === null) {
      const flags = [
        ...(o.system ? ['--system'] : []),
        ...(o.uid === undefined ? [] : [`--uid ${o.uid}`]),
        `-g ${quote(groupName)} -s ${quote(shell)} -d ${quote(home)}`,
        o.createHome ? '-m' : '-M',
      ]
      return [
        { what: 'create', script: `useradd ${flags.join(' ')} -- ${quote(o.name)}`, factsAfter },
      ]
    }
    const flags = [
      ...(g !== null && now.gid !== g.gid ? [['group', `-g ${quote(groupName)}`]] : []),
      ...(now.shell === shell ? [] : [[`shell ${now.shell} → ${shell}`, `-s ${quote(shell)}`]]),
      ...(now.home === home ? [] : [[`home ${now.home} → ${home}`, `-d ${quote(home)}`]]),
    ]
    if (flags.length === 0) return []
    return [
      {
        what: flags.map(f => f[0]).join(', '),
        script: `usermod ${flags.map(f => f[1]).join(' ')} -- ${quote(o.name)}`,
        factsAfter,
      },
    ]
  },
})

/**
 * Makes sure that a local user exists. A new user gets no login shell and no home directory unless the options say so. Of an
 * existing user fmc changes primary group, shell and home where they are given (the group also by default), never the uid.
 *
 * @throws TaskError for an invalid name, a missing group, and an existing user with another uid.
 *
 * @example
 * await group('app', { system: true })
 * await user('app', { system: true, home: '/var/lib/app' })
 */
export const user = (name: string, options: UserOptions = {}): Promise<Result> =>
  defineUser({ name, ...options })
