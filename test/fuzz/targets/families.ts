import fc from 'fast-check'
import { group as groupFamily, user as userFamily } from '../../../lib/facts/account.ts'
import { Refused } from '../../../lib/facts/family.ts'
import { line as lineFamily } from '../../../lib/facts/line.ts'
import { deb, rpm } from '../../../lib/facts/package.ts'
import * as files from '../../../lib/facts/path.ts'
import { hex, id, isId, lines, maybe, model, nul, text, type Models } from './model.ts'
import { word } from '../text.ts'

const PATHS = ['/etc/fstab', '/a b', '/x\ny', '/é']
/** Some facts are known by their names or by numbers only. */
const owner = fc.constantFrom('root', 'postgres', '1042', 'domain users')

const TYPES = { file: '8', directory: '4', link: 'a', other: '2' } as const

export const path: Models = {
  path: model({
    family: files.path,
    args: PATHS,
    fact: maybe(
      fc
        .tuple(fc.constantFrom('file', 'directory', 'link', 'other'), fc.nat(0o7777), owner, owner)
        .map(([type, mode, user, group]): files.PathFact => ({
          ...{ type: type, owner: user, group },
          mode: mode.toString(8).padStart(4, '0'),
        })),
    ),
    render: (args, facts) => ({
      out: nul(
        args.map((arg, i) => {
          const f = facts[i]
          if (!f) return `absent ${arg}`
          const raw = `${TYPES[f.type]}${Number.parseInt(f.mode, 8).toString(16).padStart(3, '0')}`
          const name = (n: string): string => (/^\d+$/.test(n) ? 'UNKNOWN' : n)
          const number = (n: string): string => (/^\d+$/.test(n) ? n : '7')
          return `${raw} ${number(f.owner)} ${number(f.group)} ${name(f.owner)}:${name(f.group)} ${arg}`
        }),
      ),
    }),
    domain: f =>
      f === null ||
      (f.type in TYPES && /^[0-7]{4}$/.test(f.mode) && f.owner !== '' && f.group !== ''),
    counted: true,
  }),
  sha: model({
    family: files.sha,
    args: PATHS,
    fact: maybe(hex(64)),
    render: (args, facts) => ({
      out: nul(
        args.map((arg, i) =>
          typeof facts[i] === 'string' ? `${facts[i]}  ${arg}` : `absent ${arg}`,
        ),
      ),
    }),
    domain: f => f === null || f instanceof Refused || /^[0-9a-f]{64}$/.test(f),
    counted: true,
  }),
  link: model({
    family: files.link,
    args: PATHS,
    fact: maybe(fc.constantFrom('/etc/x', '../y', 'absent /etc/fstab', '2', '')),
    render: (args, facts) => {
      const targets = facts.filter(f => f !== null)
      const absent = args.filter((_, i) => facts[i] === null).map(a => `absent ${a}`)
      return {
        out: nul(
          [...absent, ...(targets.length > 0 ? [targets.length, ...targets] : [])].map(String),
        ),
      }
    },
    domain: f => f === null || (text(f) && !f.includes('\0')),
    counted: true,
  }),
  content: model({
    family: files.content,
    args: PATHS,
    fact: maybe(fc.uint8Array({ maxLength: 12 }).map(b => Buffer.from(b))),
    render: (_, facts) => ({ out: lines(facts.map(f => f?.toString('base64') ?? '-')) }),
    domain: f => f === null || Buffer.isBuffer(f),
    counted: true,
  }),
}

export const line: Models = {
  line: model({
    family: lineFamily,
    args: ['/etc/fstab\0a b', '/etc/fstab\0', '/x\0y'],
    fact: fc.boolean(),
    render: (_, facts) => ({ out: lines(facts.map(f => (f ? 0 : 1))) }),
    domain: f => typeof f === 'boolean' || f instanceof Refused,
    counted: true,
  }),
}

export const account: Models = {
  user: model({
    family: userFamily,
    args: ['root', 'postgres', 'core'],
    fact: maybe(
      fc
        .tuple(id, id, word)
        .map(([uid, gid, w]) => ({ uid, gid, home: `/h/${w}`, shell: '/bin/sh' })),
    ),
    render: (args, facts) => ({
      out: lines(
        args.flatMap((a, i) => {
          const f = facts[i]
          return f ? [`${a}:x:${f.uid}:${f.gid}:G E,,:${f.home}:${f.shell}`] : []
        }),
      ),
      code: facts.every(f => f !== null) ? 0 : 2,
    }),
    domain: f => f === null || (isId(f.uid) && isId(f.gid) && text(f.home) && text(f.shell)),
    counted: false,
  }),
  group: model({
    family: groupFamily,
    args: ['root', 'postgres', 'wheel'],
    fact: maybe(
      fc.tuple(id, fc.array(word, { maxLength: 3 })).map(([gid, members]) => ({ gid, members })),
    ),
    render: (args, facts) => ({
      out: lines(
        args.flatMap((a, i) => {
          const f = facts[i]
          return f ? [`${a}:x:${f.gid}:${f.members.join(',')}`] : []
        }),
      ),
      code: facts.every(f => f !== null) ? 0 : 2,
    }),
    domain: f => f === null || (isId(f.gid) && f.members.every(m => m !== '' && !/[,:\n]/.test(m))),
    counted: false,
  }),
}

const version = fc.constantFrom('1.0-1', '2:3.4~rc1+deb12u1', '15')
export const pkg: Models = {
  deb: model({
    family: deb,
    args: ['haproxy', 'libc6', 'x+y'],
    fact: maybe(version),
    render: (args, facts) => ({
      out: lines(args.flatMap((a, i) => (facts[i] === null ? [] : [`${a} ii ${facts[i]}`]))),
      code: facts.every(f => f !== null) ? 0 : 1,
    }),
    domain: f => f === null || /^\S*$/.test(f),
    counted: false,
  }),
  rpm: model({
    family: rpm,
    args: ['haproxy', 'glibc', 'x+y'],
    fact: maybe(version),
    render: (args, facts) => ({
      out: lines(
        args.map((a, i) =>
          facts[i] === null ? `package ${a} is not installed` : `${a} ${facts[i]}`,
        ),
      ),
      code: facts.filter(f => f === null).length,
    }),
    domain: f => f === null || /^\S+$/.test(f),
    counted: true,
  }),
}
