import type { UnplacedProblem } from './problem.ts'
import type { RawHook, RawInventory } from './raw.ts'

/** What services do not publish: everybody who knows the address can use it. */
const SECRET_ADDRESS: ReadonlySet<RawHook['type']> = new Set(['slack', 'healthchecks'])

/** Problems of hooks: secrets in the open, and a token where none is sent. */
export const hookProblems = ({ hooks = {} }: RawInventory): UnplacedProblem[] =>
  Object.entries(hooks).flatMap(([event, all]) =>
    ((all ?? []) as readonly RawHook[]).flatMap((hook, index) => {
      const path = ['hooks', event, index]
      return [...urlProblems(hook, path), ...tokenProblems(hook, path)]
    }),
  )

type HookPath = readonly (string | number)[]

const urlProblems = ({ type, url, token }: RawHook, path: HookPath): UnplacedProblem[] => {
  if (typeof url !== 'string') return []
  const at = { severity: 'warning' as const, path: [...path, 'url'] }
  const hasLogin = /^\w+:\/\/[^/]*@/.test(url)
  if (SECRET_ADDRESS.has(type) || hasLogin)
    return [
      {
        ...at,
        message: hasLogin
          ? 'the address has a password in it, and the inventory is no place for secrets'
          : `everybody who reads the inventory can use this address of ${type}`,
        hint: `write url: !secret ${type}_url, then: fmc secrets set ${type}_url`,
      },
    ]
  if (token !== undefined && url.startsWith('http:'))
    return [{ ...at, message: 'the token would be sent without encryption', hint: 'use https://' }]
  return []
}

const tokenProblems = ({ type, token }: RawHook, path: HookPath): UnplacedProblem[] =>
  token !== undefined && SECRET_ADDRESS.has(type)
    ? [
        {
          severity: 'error',
          path: [...path, 'token'],
          message: `${type} takes no token: its address is the secret`,
          hint: 'remove token',
        },
      ]
    : []
