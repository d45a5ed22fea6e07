import fc from 'fast-check'
import { group as groupFamily, user as userFamily } from '../../../lib/facts/account.ts'
import { boot as bootFamily } from '../../../lib/facts/boot.ts'
import { command as commandFamily } from '../../../lib/facts/command.ts'
import { blanks, module as moduleFamily, procFile, sysctl } from '../../../lib/facts/kernel.ts'
import { line as lineFamily } from '../../../lib/facts/line.ts'
import { deb, rpm } from '../../../lib/facts/package.ts'
import * as files from '../../../lib/facts/path.ts'
import { block, mount } from '../../../lib/facts/storage.ts'
import { identity, pending, system as systemFamily } from '../../../lib/facts/system.ts'
import { unit as unitFamily } from '../../../lib/facts/unit.ts'
import { model, type Model } from './model.ts'
import { word } from '../text.ts'

const record: typeof fc.record = ((model: object) =>
  fc.record(model as never, { noNullPrototype: true })) as never

type Models = Readonly<Record<string, Model<unknown>>>

const PATHS = ['/etc/fstab', '/a b', '/x\ny', '/é']
const id = fc.nat(70_000)
const isId = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
const hex = (size: number): fc.Arbitrary<string> =>
  fc.nat().map(n => n.toString(16).padStart(size, 'a').slice(0, size))
const text = (value: unknown): boolean => typeof value === 'string'
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.option(value, { nil: null, freq: 3 })
const nul = (records: readonly string[]): string => records.map(r => `${r}\0`).join('')
const lines = (all: readonly unknown[]): string => all.map(l => `${String(l)}\n`).join('')
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
          ...{ type: type as files.PathFact['type'], owner: user, group },
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
      out: nul(args.map((arg, i) => (facts[i] === null ? `absent ${arg}` : `${facts[i]}  ${arg}`))),
    }),
    domain: f => f === null || /^[0-9a-f]{64}$/.test(f),
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
    domain: f => typeof f === 'boolean',
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

const STATE = /^[a-z-]+$/
export const unit: Models = {
  unit: model({
    family: unitFamily,
    args: ['haproxy.service', 'a@b.service', 'x.timer'],
    fact: record({
      load: fc.constantFrom('loaded', 'not-found', 'masked', 'bad-setting'),
      active: fc.constantFrom('active', 'inactive', 'failed', 'activating'),
      enabled: fc.constantFrom('enabled', 'disabled', 'static', '', 'enabled-runtime'),
      reload: fc.boolean(),
    }),
    render: (_, facts) => ({
      out: facts
        .map(
          f =>
            `LoadState=${f.load}\nActiveState=${f.active}\nUnitFileState=${f.enabled}\nNeedDaemonReload=${f.reload ? 'yes' : 'no'}\n`,
        )
        .join('\n'),
    }),
    domain: f =>
      STATE.test(f.load) &&
      STATE.test(f.active) &&
      /^[a-z-]*$/.test(f.enabled) &&
      typeof f.reload === 'boolean',
    counted: true,
  }),
}

export const storage: Models = {
  mount: model({
    family: mount,
    args: ['/', '/srv/a b', '/var/lib'],
    fact: maybe(
      record({
        source: fc.constantFrom('/dev/vda', '10.0.0.1:/srv/x y', 'tmpfs'),
        type: fc.constantFrom('ext4', 'nfs4', 'tmpfs'),
        options: fc.constantFrom(['rw'], ['rw', 'relatime'], ['ro', 'nosuid']),
      }),
    ),
    render: (args, facts) => ({
      out: lines([
        '21 1 0:20 / /proc rw,nosuid shared:12 - proc proc rw',
        ...args.flatMap((a, i) => {
          const f = facts[i]
          const e = (s: string): string => s.replaceAll(' ', '\\040')
          return f
            ? [`36 35 98:0 /m ${e(a)} ${f.options.join()} master:1 - ${f.type} ${e(f.source)} rw`]
            : []
        }),
      ]),
    }),
    domain: f => f === null || (f.type !== '' && text(f.source) && f.options.length > 0),
    counted: false,
  }),
  block: model({
    family: block,
    args: ['/dev/vdb', '/dev/disk/by-id/x'],
    fact: maybe(
      fc.constantFrom(
        { type: null, label: null },
        { type: 'ext4', label: null },
        { type: 'xfs', label: 'data disk' },
      ),
    ),
    render: (_, facts) => ({
      out: lines(
        facts.map(f => {
          if (f === null) return 'absent'
          if (f.type === null) return '2 '
          return `0 ${f.label === null ? '' : `LABEL=${f.label}\t`}DEVNAME=/dev/vdb\tTYPE=${f.type}`
        }),
      ),
    }),
    domain: f =>
      f === null || ((f.type === null || text(f.type)) && (f.label === null || text(f.label))),
    counted: true,
  }),
}

export const kernel: Models = {
  sysctl: model({
    family: sysctl,
    args: ['net.ipv4.ip_forward', 'vm/max_map_count', 'net.ipv4.conf.eth0/100.forwarding'],
    fact: maybe(fc.constantFrom('0', '65530', '4096 87380 6291456', '')),
    render: (args, facts) => ({
      out: lines(
        args.flatMap((a, i) =>
          facts[i] === null ? [] : [`${procFile(a)}:${facts[i]?.replaceAll(' ', '\t') ?? ''}`],
        ),
      ),
    }),
    domain: f => f === null || f === blanks(f),
    counted: false,
  }),
  module: model({
    family: moduleFamily,
    args: ['br_netfilter', 'ip-vs'],
    fact: fc.boolean(),
    render: (_, facts) => ({ out: lines(facts.map(f => (f ? 1 : 0))) }),
    domain: f => typeof f === 'boolean',
    counted: true,
  }),
}

export const system: Models = {
  identity: model({
    family: identity,
    args: [''],
    fact: record({
      hostname: fc.constantFrom('n1', 'web.example'),
      staticHostname: fc.constantFrom('', 'n1'),
      timezone: fc.constantFrom('Etc/UTC', 'Europe/Madrid'),
    }),
    render: (_, [f]) => ({
      out: lines([f?.hostname, f?.staticHostname, `../usr/share/zoneinfo/${f?.timezone ?? ''}`]),
    }),
    domain: f => f.hostname !== '' && text(f.staticHostname) && text(f.timezone),
    counted: true,
  }),
  pending: model<readonly string[]>({
    family: pending,
    args: ['/var/lib/fmc/pending/a', '/var/lib/fmc/pending/b c'],
    fact: fc.array(fc.constantFrom('reload haproxy', 'a/b', 'é', '100%'), { maxLength: 3 }),
    render: (_, facts) => ({
      out: lines(facts.map(f => f.map(name => `${encodeURIComponent(name)}\t`).join(''))),
    }),
    domain: f => f.every(name => text(name) && name !== ''),
    counted: true,
  }),
  system: model({
    family: systemFamily,
    args: [''],
    fact: fc
      .tuple(
        fc.nat(256),
        fc.nat(1_000_000),
        fc.constantFrom({ ID: 'debian' }, { ID: 'x', NAME: 'A b' }, {}),
      )
      .map(([cpus, memoryMb, os]) => ({
        ...{ os, cpus, memoryMb, kernel: '6.1.0', machine: 'x86_64', bootId: 'b' },
        addresses: ['eth0 10.0.0.1/24'],
      })),
    render: (_, [f]) => ({
      out: lines([
        ...[
          '6.1.0',
          'x86_64',
          f?.cpus,
          `${(f?.memoryMb ?? 0) * 1024} kB`,
          'b',
          'eth0 10.0.0.1/24,',
        ],
        ...Object.entries(f?.os ?? {}).map(([k, v]) => `${k}="${v}"`),
      ]),
    }),
    domain: f => isId(f.cpus) && isId(f.memoryMb) && Object.values(f.os).every(text),
    counted: false,
  }),
}

export const boot: Models = {
  boot: model({
    family: bootFamily,
    args: [''],
    fact: fc.nat(1_000_000).map(n => ({
      id: '01234567-89ab-cdef-0123-456789abcdef',
      upSeconds: n,
    })),
    render: (_, [f]) => ({
      out: lines([f?.id, `${f?.upSeconds ?? 0}.00`, 'UserspaceTimestampMonotonic=0']),
    }),
    domain: f => /^[0-9a-f-]{36}$/.test(f.id) && f.upSeconds >= 0,
    counted: true,
  }),
}

const said = fc.constantFrom('', 'yes\n', 'a\x1eb', '\x1d', '7\x1d', 'no line end', '\x1e0123')
export const command: Models = {
  command: model({
    family: commandFamily,
    args: ['true', 'echo a; exit 3', 'cat /x'],
    fact: record({ code: fc.nat(255), stdout: said, stderr: said }),
    render: (_, facts, mark) => ({
      out: facts.map(f => `${f.stdout}${mark}${f.code}\x1d`).join(''),
      err: facts.map(f => `${f.stderr}${mark}`).join(''),
    }),
    domain: f => isId(f.code) && text(f.stdout) && text(f.stderr),
    counted: true,
  }),
}
