import fc from 'fast-check'
import { boot as bootFamily } from '../../../lib/facts/boot.ts'
import { command as commandFamily } from '../../../lib/facts/command.ts'
import { blanks, module as moduleFamily, procFile, sysctl } from '../../../lib/facts/kernel.ts'
import { block, mount } from '../../../lib/facts/storage.ts'
import { identity, pending, system as systemFamily } from '../../../lib/facts/system.ts'
import { unit as unitFamily } from '../../../lib/facts/unit.ts'
import { isId, lines, maybe, model, record, text, type Models } from './model.ts'

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
