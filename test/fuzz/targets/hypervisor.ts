import { deepStrictEqual, ok } from 'node:assert/strict'
import { TaskError } from '../../../lib/errors.ts'
import { isSettled, nicsFor } from '../../../roles/hypervisor/network/bridge.ts'
import { parseDevices } from '../../../roles/hypervisor/network/devices.ts'
import { parseCapacity } from '../../../roles/hypervisor/host/preflight.ts'
import { readDomains, withoutDomain } from '../../../roles/hypervisor/vm/survey.ts'
import { readPools } from '../../../roles/hypervisor/vm/volumes.ts'
import { escapeXml, parseXml, type Element } from '../../../roles/hypervisor/host/xml.ts'
import { target, unlessRefused, type Target } from '../harness.ts'
import { jsonMutants, sound } from '../json.ts'
import { mutants, nasty } from '../text.ts'
import { texts } from './cluster.ts'

/** As a number of things, or an amount. */
export const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0

const DOMAIN = `<domain type='kvm'>
  <name>n1</name><uuid>0e6a0e6a-0e6a-4e6a-8e6a-0e6a0e6a0e6a</uuid>
  <metadata><fmc:machine xmlns:fmc="urn:fmc:machine">{"created":1,"image":"i","guest":{"name":"n1","domain":"d","user":"u","nics":[],"dns":[]},"disks":{}}</fmc:machine></metadata>
  <memory unit='KiB'>1048576</memory><currentMemory unit='KiB'>1048576</currentMemory>
  <vcpu placement='static'>2</vcpu>
  <devices>
    <disk type='file' device='disk'><source file='/var/lib/a&amp;b'/><target dev='vda'/><serial>x</serial></disk>
    <interface type='network'><mac address='52:54:00:00:00:01'/><source network='k'/></interface>
  </devices>
</domain>
`
const DOMAINS = `Id:             1\nName:           n1\nState:          running\nAutostart:      enable\n\n${DOMAIN}${DOMAIN}`
const XML = [DOMAIN, '<a b=\'1\' c="2"><!-- x --><![CDATA[<y>]]>&#65;&lt;</a>\n<d/>']

const anyXml = (text: string): void => {
  const elements = unlessRefused([TaskError], () => parseXml(text))
  sound(elements)
  const walk = (all: readonly Element[]): void => {
    for (const e of all) {
      texts([e.name, e.text, ...Object.values(e.attributes)])
      walk(e.children)
    }
  }
  walk(elements ?? [])
}
const xml = target('hypervisor/xml', mutants(XML), anyXml, {
  guided: { seeds: XML, holds: anyXml },
  examples: ['<a>&#99999999999;</a>', '<a b="&#x110000;"/>', '<a>&#xD800;</a>'],
})

const escaped = target('hypervisor/xml-escaped', nasty(), text => {
  const clean = text.replaceAll(/[\ud800-\udfff]/g, '')
  const [element] = parseXml(`<a b='${escapeXml(clean)}'>${escapeXml(clean)}</a>`)
  deepStrictEqual([element?.text, element?.attributes['b']], [clean, clean])
})

const anyDomains = (text: string): void => {
  const found = unlessRefused([TaskError], () => readDomains(text))
  for (const d of found ?? []) {
    sound(d)
    ok([d.memoryKb, ...d.givenKb, d.vcpus].every(isCount), `sizes of ${JSON.stringify(d)}`)
    texts([d.name, d.uuid, d.state, ...d.disks.map(k => k.file)])
  }
  if (found) texts([withoutDomain(text, 'n1')])
}
const domains = target('hypervisor/domains', mutants([DOMAINS, DOMAINS + DOMAINS]), anyDomains, {
  guided: { seeds: [DOMAINS], holds: anyDomains },
  examples: [
    DOMAINS.replaceAll("unit='KiB'", "unit='GiB'"),
    DOMAINS.replaceAll(/<vcpu.*/g, ''),
    DOMAINS.replaceAll('>1048576<', '>x<'),
  ],
})

const POOLS = [
  "# fmc Name: fmc State: running Autostart: yes \n<pool type='dir'><target><path>/var/lib/x</path></target></pool>\n",
]
const pools = target(
  'hypervisor/pools',
  mutants(POOLS),
  text => {
    for (const p of unlessRefused([TaskError], () => readPools(text)) ?? []) texts([p.name, p.path])
  },
  { examples: ['# fmc Name: fmc\n<pool>&#x110000;</pool>\n'] },
)

const DEVICES = [
  {
    ifname: 'eth0',
    address: '52:54:00:00:00:01',
    master: 'br0',
    addr_info: [{ local: '10.0.0.1', prefixlen: 24 }],
  },
  { ifname: 'br0', linkinfo: { info_kind: 'bridge' }, addr_info: [] },
]
const WANTED = {
  bridge: 'br0',
  address: '10.0.0.1',
  prefix: 24,
  gateway: undefined,
  uplink: undefined,
}
const devices = target(
  'hypervisor/devices',
  jsonMutants([DEVICES]),
  text => {
    const found = unlessRefused([TaskError], () => parseDevices(text))
    if (!found) return
    for (const d of found) {
      texts([d.name, d.mac, ...d.addresses])
      ok(
        [d.kind, d.bridge].every(v => v === undefined || typeof v === 'string'),
        JSON.stringify(d),
      )
    }
    deepStrictEqual(typeof isSettled(found, WANTED), 'boolean')
    unlessRefused([TaskError], () => nicsFor(found, WANTED))
  },
  {
    examples: [
      '[null]',
      '[{}]',
      '[{"ifname":1}]',
      '{}',
      '[{"ifname":"a","addr_info":{}}]',
      '[{"ifname":"a","linkinfo":{"info_kind":1}}]',
    ],
  },
)

const capacity = target(
  'hypervisor/capacity',
  mutants(['yes yes 8 16384000 100000000 5000\n']),
  text => {
    const found = unlessRefused([TaskError], () => parseCapacity(text))
    if (found) ok([found.cpus, found.memory, found.disk].every(isCount), JSON.stringify(found))
  },
  { examples: ['yes yes 8 16384000 100000000 99999999999999999999\n'] },
)

export const hypervisor: readonly Target[] = [xml, escaped, domains, pools, devices, capacity]
