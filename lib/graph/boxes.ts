import { fit, SIZE, textWidth } from './measure.ts'
import { OUTSIDE, type Graph, type GraphHost, type GraphVip } from './model.ts'
import type { Box, Text } from './picture.ts'

export const MARGIN = 16
/** Width of the strip with the names of the networks. */
export const STRIP = 168
/** Height of a line of text. */
export const LINE = 14
/** Height of a hypervisor's name and facts. */
export const HEAD = 40
const NARROWEST = 112
const WIDEST = 210

/** A hypervisor's own addresses in a network. */
export const tagsOf = (host: GraphHost | undefined, network: string): string[] =>
  (host?.addresses ?? []).filter(a => a.network === network).map(addressText)

/** The width that a hypervisor's addresses take at the left of its VMs. */
export const tagRoom = (host: GraphHost | undefined): number =>
  Math.ceil(
    Math.max(0, ...(host?.addresses ?? []).map(a => textWidth(addressText(a), SIZE.text) + 10)),
  )

const addressText = ({ address, gateway }: GraphHost['addresses'][number]): string =>
  gateway ? `${address} (gateway)` : address

const namesOf = (host: GraphHost): string[] =>
  [host.os, host.size, host.group ?? ''].filter(text => text !== '')

export const widthOf = ({ hosts }: Graph): number => {
  const widths = hosts
    .filter(h => !h.holdsVms)
    .flatMap(h => [
      textWidth(h.name, SIZE.name, true),
      ...[...namesOf(h), ...h.addresses.map(addressText)].map(text => textWidth(text, SIZE.text)),
    ])
  return Math.ceil(Math.min(WIDEST, Math.max(NARROWEST, ...widths.map(w => w + 20))))
}

export const heightOf = ({ hosts }: Graph): number => {
  const most = (h: GraphHost): number =>
    Math.max(...h.addresses.map(a => h.addresses.filter(b => b.network === a.network).length), 0)
  const lines = hosts.filter(h => !h.holdsVms).map(h => most(h) + namesOf(h).length)
  return 30 + LINE * Math.max(2, ...lines)
}

export function laneBox(
  graph: Graph,
  name: string,
  lane: number,
  y: number,
  w: number,
  h: number,
): Box {
  const network = graph.networks.find(n => n.name === name)
  const router = network?.router
  const kind = network?.mode === 'wireguard' ? 'VPN (WireGuard)' : network?.mode
  const facts = network
    ? [
        network.cidr,
        kind ?? '',
        ...(network.gateway === undefined || router !== undefined
          ? []
          : [`gateway ${network.gateway}`]),
      ]
    : ['in no network']
  return {
    kind: 'lane',
    x: MARGIN,
    y,
    w,
    h,
    hue: lane,
    title: `${name === OUTSIDE ? 'outside' : `network ${name}`}, ${facts.join(', ')}`,
    texts: texts(name, facts, MARGIN + 12, y + 24, STRIP - 20),
  }
}

/** A name and lines below it. */
const texts = (
  name: string,
  below: readonly string[],
  x: number,
  y: number,
  room: number,
): Text[] => [
  { x, y, text: fit(name, room, SIZE.name, true), size: SIZE.name, bold: true },
  ...below.map((text, i): Text => ({
    x,
    y: y + LINE * (i + 1) + 2,
    text: fit(text, room, SIZE.text),
    size: SIZE.text,
    faint: true,
  })),
]

export function frameBox(
  host: GraphHost,
  { top, bottom }: { readonly top: number; readonly bottom: number },
  x: number,
  w: number,
  lanes: readonly string[],
  at: (lane: number) => { readonly y: number; readonly rows: number; readonly h: number },
): Box {
  const y = at(top).y + 4
  const room = w - 20
  const tags = lanes.slice(top, bottom + 1).flatMap((name, i): Text[] => {
    const first = at(top + i).y + 26 + (i === 0 ? HEAD : 0)
    return tagsOf(host, name).map((text, k) => ({
      x: x + 10,
      y: first + LINE * k,
      text: fit(text, room, SIZE.text),
      size: SIZE.text,
      faint: true,
    }))
  })
  return {
    kind: 'frame',
    x,
    y,
    w,
    h: at(bottom).y + at(bottom).h - 4 - y,
    title: titleOf(host),
    texts: [...texts(host.name, [namesOf(host).join(', ')], x + 10, y + 18, room), ...tags],
  }
}

export function hostBox(
  host: GraphHost,
  x: number,
  y: number,
  w: number,
  h: number,
  lanes: readonly string[],
  first: number,
  rowAt: (lane: number) => number | undefined,
): Box {
  const room = w - 20
  const here = (lane: number): string[] =>
    host.addresses.filter(a => a.network === lanes[lane]).map(addressText)
  const below = lanes.flatMap((_, lane): Text[] => {
    const row = rowAt(lane)
    return lane <= first || row === undefined
      ? []
      : here(lane).map((text, i) => ({
          x: x + 10,
          y: row + 18 + LINE * i,
          text: fit(text, room, SIZE.text),
          size: SIZE.text,
          faint: true,
        }))
  })
  return {
    kind: 'host',
    x,
    y,
    w,
    h,
    hue: first,
    title: titleOf(host),
    texts: [
      ...texts(host.name, [...here(first), ...namesOf(host)], x + 10, y + 20, room),
      ...below,
    ],
  }
}

/** A host's further address, where its box does not reach: its name and the address. */
export const chipBox = (
  host: GraphHost,
  network: string,
  lane: number,
  x: number,
  y: number,
  w: number,
  h: number,
): Box => ({
  kind: 'chip',
  x,
  y,
  w,
  h,
  hue: lane,
  title: titleOf(host),
  texts: texts(host.name, tagsOf(host, network), x + 10, y + 20, w - 20),
})

const titleOf = (host: GraphHost): string =>
  [
    host.name,
    ...host.addresses.map(a => `${addressText(a)} in ${a.network}`),
    ...namesOf(host),
    ...(host.vmOn === undefined ? [] : [`VM of ${host.vmOn}`]),
  ].join(', ')

export function vipBox(
  vip: GraphVip,
  x: number,
  y: number,
  w: number,
  h: number,
  lane: number,
): Box {
  const ports = vip.ports.join(', ')
  return {
    kind: 'vip',
    x,
    y,
    w,
    h,
    hue: lane,
    title: `VIP ${vip.name}, ${vip.address}, ports ${ports}, to ${vip.backends}, on ${vip.balancers.join(', ')}`,
    texts: texts(
      `VIP ${vip.name}`,
      [`${vip.address}: ${ports} → ${vip.backends}`],
      x + 10,
      y + 16,
      w - 20,
    ),
  }
}
