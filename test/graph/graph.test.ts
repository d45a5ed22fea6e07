import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { textWidth } from '../../lib/graph/measure.ts'
import { graphOf, OUTSIDE, type Graph, type GraphHost } from '../../lib/graph/model.ts'
import { isInside, type Box, type Picture } from '../../lib/graph/picture.ts'
import { pictureOf, svgOf } from '../../lib/graph/svg.ts'
import { graphText } from '../../lib/graph/text.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { ROOT, run } from '../rig/lab.ts'

const FILES = [
  'inventory.yaml',
  ...[1, 2, 3, 4].map(n => `test/inventories/architecture-${n}.yaml`),
]

const graphOfFile = async (file: string): Promise<Graph> =>
  graphOf(await loadInventory(join(ROOT, file)))

const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

const contains = (a: Box, b: Box): boolean =>
  a.x <= b.x && a.y <= b.y && a.x + a.w >= b.x + b.w && a.y + a.h >= b.y + b.h

/** What is wrong with a picture: the first thing found. */
function fault(graph: Graph, picture: Picture): string | undefined {
  const { boxes, marks, width, height } = picture
  const of = (...kinds: Box['kind'][]): Box[] => boxes.filter(b => kinds.includes(b.kind))
  const page: Box = { kind: 'row', x: 0, y: 0, w: width, h: height, texts: [], title: '' }
  for (const box of boxes) {
    if (!contains(page, box)) return `${box.title} is not on the page`
    for (const text of box.texts)
      if (!isInside(box, text)) return `${text.text} is not inside ${box.title}`
  }
  const solid = of('host', 'chip', 'vip', 'head')
  for (const [i, a] of solid.entries())
    for (const b of solid.slice(i + 1)) if (overlap(a, b)) return `${a.title} overlaps ${b.title}`
  for (const kind of ['lane', 'row', 'frame'] as const)
    for (const [i, a] of of(kind).entries())
      for (const b of of(kind).slice(i + 1)) if (overlap(a, b)) return `${kind}s overlap`
  for (const frame of of('frame')) {
    const name = frame.title.split(',')[0]
    const vms = graph.hosts.filter(h => h.vmOn === name && !h.holdsVms).map(h => h.name)
    for (const host of of('host')) {
      const within = vms.includes(host.title.split(',')[0] ?? '')
      if (within && !contains(frame, host)) return `${host.title} is outside its hypervisor`
      if (!within && overlap(frame, host)) return `${host.title} is in a foreign hypervisor`
    }
    for (const text of frame.texts)
      for (const box of solid) {
        const w = textWidth(text.text, text.size, text.bold)
        if (overlap(box, { ...frame, x: text.x, y: text.y - 9, w, h: 9 }))
          return `${text.text} lies under ${box.title}`
      }
  }
  const titled = (kinds: Box['kind'][], start: string): number =>
    of(...kinds).filter(b => b.title === start || b.title.startsWith(`${start},`)).length
  for (const host of graph.hosts)
    if (titled(['host', 'frame'], host.name) !== 1) return `${host.name} is missing`
  for (const vip of graph.vips)
    if (titled(['vip'], `VIP ${vip.name}`) !== 1) return `${vip.name} is missing`
  for (const network of graph.networks)
    if (titled(['lane'], `network ${network.name}`) !== 1) return `${network.name} is missing`
  const shown = boxes.flatMap(b => b.texts.map(text => text.text))
  for (const host of graph.hosts)
    for (const { address } of host.addresses)
      if (!shown.some(text => text.startsWith(address))) return `${address} is missing`
  const ends = (kinds: string[], of: string): number =>
    marks.filter(m => m.of === of && kinds.includes(m.kind)).length
  for (const flow of graph.flows) {
    const row = of('row').find(r =>
      r.title.startsWith(`${flow.from.join(', ')} to ${flow.to.join(', ')}: `),
    )
    if (!row) return `the flow from ${flow.from.join()} is missing`
    for (const from of flow.from) if (ends(['from'], from) === 0) return `${from} has no beginning`
    for (const to of flow.to) if (ends(['left', 'right'], to) === 0) return `${to} has no end`
  }
  return undefined
}

const name =
  (prefix: string) =>
  (n: number, text: string): string =>
    `${prefix}${n}${text}`

/** Any graph: long and strange names, hosts in several networks, VMs, VIPs anywhere, flows between all names. */
const anyGraph = fc
  .record({
    networks: fc.array(fc.string({ maxLength: 30 }), { maxLength: 9 }),
    hosts: fc.array(
      fc.record({
        text: fc.string({ maxLength: 40, unit: 'grapheme' }),
        nets: fc.array(fc.nat(9), { maxLength: 5 }),
        vmOn: fc.option(fc.nat(3)),
        size: fc.string({ maxLength: 60 }),
      }),
      { minLength: 1, maxLength: 45 },
    ),
    vips: fc.array(
      fc.record({ net: fc.nat(9), balancers: fc.array(fc.nat(44), { maxLength: 5 }) }),
      { maxLength: 4 },
    ),
    flows: fc.array(
      fc.record({
        from: fc.array(fc.nat(60), { minLength: 1, maxLength: 4 }),
        to: fc.array(fc.nat(60), { minLength: 1, maxLength: 4 }),
        ports: fc.array(fc.string({ minLength: 1, maxLength: 20 }), {
          minLength: 1,
          maxLength: 30,
        }),
      }),
      { maxLength: 12 },
    ),
    virtual: fc.boolean(),
  })
  .map(({ networks, hosts, vips, flows, virtual }): Graph => {
    const nets = networks.map((text, n) => name('n')(n, text))
    const names = hosts.map(({ text }, n) => name('h')(n, text.replaceAll(',', '')))
    const made = hosts.map((host, n): GraphHost => {
      const own = [...new Set(host.nets)].map(i => nets[i] ?? OUTSIDE)
      const vmOn = virtual && n > 2 && host.vmOn !== null ? names[host.vmOn % 3] : undefined
      return {
        name: names[n] ?? '',
        os: 'debian 12',
        size: host.size,
        group: undefined,
        vmOn,
        holdsVms:
          virtual && n < 3 && hosts.some((h, i) => i > 2 && h.vmOn !== null && h.vmOn % 3 === n),
        addresses: [...new Set(own)].map((network, i) => ({
          network,
          address: `10.${i}.0.${n}`,
          gateway: false,
        })),
      }
    })
    const ends = ['any', 'wan', ...nets, ...names]
    const pick = (all: number[]): string[] => [
      ...new Set(all.map(i => ends[i % ends.length] ?? '')),
    ]
    return {
      domain: 'example.com',
      networks: nets.map(n => ({
        name: n,
        cidr: '10.0.0.0/8',
        prefix: 8,
        mode: 'bridge',
        gateway: undefined,
        bridge: undefined,
        router: undefined,
      })),
      hosts: made,
      groups: [],
      vips:
        nets.length === 0
          ? []
          : vips.map(({ net, balancers }, n) => ({
              name: `vip${n}`,
              address: `10.9.0.${n}`,
              network: nets[net % nets.length] ?? '',
              backends: 'all',
              ports: ['80'],
              balancers: [...new Set(balancers.map(b => names[b % names.length] ?? ''))],
            })),
      flows: flows.map(f => ({
        kind: 'allowed',
        at: ['x'],
        from: pick(f.from),
        to: pick(f.to),
        ports: f.ports,
      })),
      networkOf: Object.fromEntries(nets.map(n => [n, n])),
    }
  })

void t.test('whatever the inventory: nothing overlaps, all is inside, nothing is missing', t => {
  fc.assert(
    fc.property(anyGraph, graph => {
      const found = fault(graph, pictureOf(graph))
      if (found !== undefined) throw new Error(found)
    }),
    { numRuns: 400 },
  )
  t.pass()
  t.end()
})

void t.test('the clouds of this repository', async t => {
  for (const file of FILES) {
    const graph = await graphOfFile(file)
    const picture = pictureOf(graph)
    t.equal(fault(graph, picture), undefined, file)
    const svg = svgOf(graph, picture)
    t.equal(
      svg,
      svgOf(await graphOfFile(file), pictureOf(await graphOfFile(file))),
      'the same bytes',
    )
    t.ok(picture.width < 1900, `${file}: ${picture.width} wide`)
  }
})

void t.test(
  'docs/cloud.svg is the picture of inventory.yaml: fmc graph -o docs/cloud.svg',
  async t => {
    const graph = await graphOfFile('inventory.yaml')
    t.equal(readFileSync(join(ROOT, 'docs/cloud.svg'), 'utf8'), svgOf(graph, pictureOf(graph)))
  },
)

void t.test(
  'the SVG is well-formed, without scripts and foreign files, whatever the names are',
  t => {
    const evil = `</text><script>alert(1)</script>"'&\u0007\u202e]]>`
    const [network] = [
      {
        name: evil,
        cidr: evil,
        prefix: 8,
        mode: 'bridge' as const,
        gateway: evil,
        bridge: undefined,
        router: undefined,
      },
    ]
    const graph: Graph = {
      domain: evil,
      networks: [network],
      hosts: [
        {
          name: evil,
          os: evil,
          size: evil,
          group: evil,
          vmOn: undefined,
          holdsVms: false,
          addresses: [{ network: evil, address: evil, gateway: true }],
        },
      ],
      groups: [],
      vips: [
        {
          name: evil,
          address: evil,
          network: evil,
          backends: evil,
          ports: [evil],
          balancers: [evil],
        },
      ],
      flows: [
        { kind: 'allowed', at: [evil], from: [evil], to: [evil], ports: [evil], comment: evil },
      ],
      networkOf: {},
    }
    const svg = svgOf(graph, pictureOf(graph))
    t.notMatch(svg, /<script|[\u0000-\u0009\u000b-\u001f\u202e]/)
    t.notMatch(svg.replace('xmlns="http://www.w3.org/2000/svg"', ''), /https?:|url\(|@import|href/)
    t.match(svg, /<title id="t">[^<]+<\/title>\n<desc id="d">[^<]+<\/desc>/)
    t.match(svg, '@media (prefers-color-scheme:dark)')
    balanced(t, svg)
    t.end()
  },
)

/** Every tag is closed in order, and & begins an entity. */
function balanced(t: Test, xml: string): void {
  const open: string[] = []
  for (const [, close, tag = '', self] of xml.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (close === '/') t.equal(open.pop(), tag)
    else if (self !== '/') open.push(tag)
  }
  t.strictSame(open, [])
  t.notMatch(xml, /&(?!(amp|lt|gt|quot|#39);)/)
}

void t.test('what the graph says', async t => {
  const graph = await graphOfFile('test/inventories/architecture-2.yaml')
  t.match(
    graph.hosts.find(h => h.name === 'vps'),
    {
      group: 'gateways',
      addresses: [
        { network: OUTSIDE, address: '203.0.113.10' },
        { network: 'vpn', address: '10.17.0.1', gateway: true },
      ],
    },
  )
  t.match(
    graph.hosts.find(h => h.name === 'hypervisor'),
    { holdsVms: true, vmOn: undefined },
  )
  t.match(
    graph.flows.find(f => f.kind === 'forwarded'),
    { at: ['vps'], from: ['wan'], to: ['web'], ports: ['80'] },
  )
  t.match((await graphOfFile('test/inventories/architecture-4.yaml')).flows.at(-1), {
    kind: 'balanced',
    from: ['web'],
    to: ['k3s_servers'],
    ports: ['80 → 30080', '443 → 30443'],
  })
  const text = graphText(graph)
  for (const line of [
    'vpn  10.17.0.0/24, wireguard, gateway 10.17.0.1 (vps)',
    '  VIP api        10.17.5.10  ports 6443 on k8s-api-lb, loadbalancer1, loadbalancer2',
    'outside: in none of the networks',
    'firewall of vps',
    'VIPs and their backends',
  ])
    t.ok(text.split('\n').includes(line), line)
})

void t.test('the command', async t => {
  const dir = t.testdir({ 'other.txt': 'mine', no: {} })
  const fmc = (...args: string[]) =>
    run([process.execPath, join(ROOT, 'lib/bin.js'), 'graph', ...args], {
      env: { FMC_CACHE: join(dir, 'cache') },
    })
  const svg = readFileSync(join(ROOT, 'docs/cloud.svg'), 'utf8')
  t.equal((await fmc('--output', 'svg')).stdout, svg)
  const file = join(dir, 'a.svg')
  for (let i = 0; i < 2; i++) t.match(await fmc('-o', file), { code: 0, stdout: '' })
  t.equal(readFileSync(file, 'utf8'), svg)
  const refused = await fmc('-o', join(dir, 'other.txt'))
  t.match(refused, {
    code: 1,
    stderr:
      /other\.txt exists, and fmc graph has not written it\n {2}name another file, or use --force/,
  })
  t.match(await fmc('-o', join(dir, 'x.png')), {
    code: 1,
    stderr: /writes text and SVG, not PNG\n {2}fmc graph -o \S+x\.svg$/m,
  })
  t.match(await fmc('-o', join(dir, 'no/such/x.svg')), {
    code: 1,
    stderr: /cannot write .*: ENOENT/,
  })
  symlinkSync(join(dir, 'elsewhere'), join(dir, 'link.svg'))
  t.match(await fmc('-o', join(dir, 'link.svg')), { code: 1, stderr: /cannot write .*EEXIST/ })
  t.notOk(existsSync(join(dir, 'elsewhere')), 'a link that was planted is not followed')
  const lines = (await fmc('--output', 'json')).stdout
    .trim()
    .split('\n')
    .map(l => JSON.parse(l) as { type: string })
  t.match(lines[0], { type: 'version' })
  t.equal(lines.filter(l => l.type === 'host').length, 12)
  t.equal(lines.filter(l => l.type === 'flow').length, 13)
  t.match((await fmc()).stdout, /^lan {2}192\.168\.0\.0\/24, bridge/)
  const wrong = join(dir, 'no/wrong.yaml')
  mkdirSync(join(dir, 'no'), { recursive: true })
  writeFileSync(
    wrong,
    'timezone: UTC\ndomain: a.b\nnetworks: {}\nhosts:\n  a: { os: debian 12, ssh: { host: b }, vars: { firewall_flows: [x] } }\n',
  )
  t.match(await fmc('-i', wrong), {
    code: 1,
    stderr: /the firewall variables of a are wrong\n {2}fmc lint/,
  })
})
