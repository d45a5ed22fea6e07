import {
  $,
  absent,
  artifact,
  directory,
  file,
  line,
  link,
  probe,
  role,
  Secret,
  send,
  z,
} from '../../lib/index.ts'
import { SECRET, STRIKE, USER, WORK, dirOf } from './arena.ts'
import { certificates, checks, clusters, configuration } from './postgresql.ts'

/**
 * One round in the directory `d`: what it declares differs from what the round before declared. `last`: when the
 * adversary is gone; it is then declared twice.
 */
export type Round = (d: string, i: number, last: boolean) => Promise<unknown>

const own = { owner: `${USER}:${USER}` } as const
const text = (i: number): string => `round ${i}\n`
/** What prints the lines that it finds wrong, as the checks of many programs do. */
const validate = (c: string): string => `grep -q '^round' ${c} || { cat ${c}; false; }`
const secretText = (i: number): Secret => new Secret(`${SECRET} ${i}\n`, 'canary')

const FILES: readonly Round[] = [
  (d, i) => file(`${d}/replaced`, { content: text(i), ...own, mode: '0640', validate }),
  (d, i) => file(`${d}/secret`, { content: secretText(i), mode: '0600' }),
  (d, i) => file(`${d}/shared`, { content: secretText(i), mode: '0640' }),
  async (d, i, last) => {
    if (!last) await absent(`${d}/new`)
    await file(`${d}/new`, { content: text(i), ...own, once: i % 2 === 0 })
  },
  (d, i) => file(`${d}/lent`, { content: text(i), owner: 'bob:bob', mode: '0640' }),
  // Large, so that it takes a while; of a Secret there is no diff, which would take longer still.
  (d, i) =>
    file(`${d}/large`, { content: new Secret(text(i).repeat(20_000)), ...own, mode: '0600' }),
]

const ACCESS: readonly Round[] = [
  (d, i) =>
    file(`${d}/owned`, {
      content: 'round\n',
      ...(i % 4 < 2 ? own : {}),
      mode: i % 8 < 4 ? '0640' : '0600',
    }),
  (d, i) =>
    directory(`${d}/kept`, { ...(i % 4 < 2 ? own : {}), mode: i % 8 < 4 ? '0750' : '0700' }),
]

const DIRECTORIES: readonly Round[] = [
  (d, i) => directory(`${d}/d${i}`, { ...own, mode: '0750' }),
  (d, i) => directory(`${d}/d${i}/sub/below`, { ...own, mode: '0700' }),
  (d, i) => directory(`${d}/r${i}`, { mode: '0700' }),
]

const LINES: readonly Round[] = [
  (d, i) => line(`${d}/lines`, `line ${i}`),
  (d, i) => line(`${d}/own`, `line ${i}`),
  async (d, i, last) => {
    if (!last && i % 20 === 1) await absent(`${d}/more`)
    await line(`${d}/more`, `line ${i}`)
  },
]

const LINKS: readonly Round[] = [
  (d, i) => link(`${d}/link`, `/nowhere/${i}`),
  async (d, i, last) => {
    if (!last) await absent(`${d}/gone`)
    await link(`${d}/gone`, `/nowhere/${i}`)
  },
]

const SENT: readonly Round[] = [
  (d, i) => send(`${WORK}/sent-${i % 4 < 2 ? 'a' : 'b'}`, `${d}/sent`),
  (d, i) => artifact(i % 4 < 2 ? 'coredns' : 'k3s', `${d}/program`, own),
]

export const KINDS: Readonly<Record<string, readonly Round[]>> = {
  file: FILES,
  access: ACCESS,
  directory: DIRECTORIES,
  line: LINES,
  link: LINKS,
  send: SENT,
  certificate: certificates,
  configuration,
  check: checks,
  cluster: clusters,
}

export default role({
  name: 'adversary',
  summary: 'Many rounds of one kind of resource in a directory of somebody who attacks',
  vars: z.object({
    kind: z.string().describe('Which resources'),
    rounds: z.coerce
      .number()
      .describe('How many rounds under attack; 0: only what the last one declares'),
  }),
  async tasks({ vars: { kind, rounds } }) {
    const all = KINDS[kind] ?? []
    const round = (i: number): Promise<unknown> | undefined =>
      all[i % all.length]?.(dirOf(kind), i, rounds === 0)
    if (rounds === 0) {
      for (let i = 0; i < all.length; i++) await round(i)
      return
    }
    // Rounds are no declaration: once they are over there is nothing to do any more.
    if (!(await probe`test -e ${STRIKE}.due`).ok) return
    await $`touch ${STRIKE}`
    for (let i = 0; i < rounds; i++)
      try {
        await round(i)
      } catch (error) {
        if (error instanceof Error && error.name === 'AbortError') throw error
        // Answers are remembered until something is written: make the next round ask again.
        await $`:`
      }
    await $`rm ${STRIKE} ${STRIKE}.due`
  },
})
