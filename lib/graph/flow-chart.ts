import { LINE, MARGIN, STRIP } from './boxes.ts'
import { fit, SIZE, textWidth, wrap } from './measure.ts'
import { sectionOf, type Graph, type GraphFlow } from './model.ts'
import type { Box, Line, Mark, Text } from './picture.ts'

const COLUMN = 58
const HEAD = 30
/** How far a beginning and an end at the same place stand apart. */
const APART = 7

/** The lower part of the picture: a column for each name that flows begin or end at, a row for each flow. */
export interface FlowChart {
  readonly boxes: readonly Box[]
  readonly lines: readonly Line[]
  readonly marks: readonly Mark[]
  readonly width: number
  readonly bottom: number
}

/** Places the flows below `top`. `lanes`: the networks from top to bottom. */
export function flowChart(graph: Graph, lanes: readonly string[], top: number): FlowChart {
  const names = endpoints(graph, lanes)
  const boxes: Box[] = []
  const lines: Line[] = []
  const marks: Mark[] = []
  const centre = new Map<string, number>()
  let x = MARGIN + STRIP
  for (const name of names) {
    const label = name === 'wan' ? 'Internet' : name
    const w = Math.ceil(Math.min(150, Math.max(COLUMN, textWidth(label, SIZE.text, true) + 14)))
    centre.set(name, x + w / 2)
    boxes.push({
      kind: 'head',
      x: x + 2,
      y: top,
      w: w - 4,
      h: HEAD,
      hue: hueOf(graph, lanes, name),
      title: name === 'wan' ? 'wan: all addresses outside the networks' : name,
      texts: [
        {
          x: x + w / 2,
          y: top + 19,
          text: fit(label, w - 8, SIZE.text, true),
          size: SIZE.text,
          bold: true,
          anchor: 'middle',
        },
      ],
    })
    x += w
  }
  const width = x + MARGIN
  let y = top + HEAD + 4
  let at = ''
  for (const flow of graph.flows) {
    const where = sectionOf(flow)
    if (where !== at) {
      at = where
      boxes.push(section(where, y, width))
      y += 24
    }
    const row = rowOf(flow, y, width)
    boxes.push(row)
    draw(flow, row.y + row.h / 2, centre, lines, marks)
    y += row.h
  }
  const grid = names.map((name): Line => {
    const middle = centre.get(name) ?? 0
    return { kind: 'grid', x1: middle, y1: top + HEAD, x2: middle, y2: y }
  })
  return { boxes, lines: [...grid, ...lines], marks, width, bottom: y + 8 }
}

const section = (text: string, y: number, width: number): Box => ({
  kind: 'row',
  x: MARGIN,
  y,
  w: width - 2 * MARGIN,
  h: 24,
  title: text,
  texts: [
    {
      x: MARGIN + 12,
      y: y + 17,
      text: fit(text, width - 2 * MARGIN - 24, SIZE.text, true),
      size: SIZE.text,
      bold: true,
    },
  ],
})

/** A flow's ports and comment stand at the left, on as many lines as they need. */
function rowOf(flow: GraphFlow, y: number, width: number): Box {
  const names = flow.ports.map(p => (p === 'any' ? 'any port' : p))
  const ports = names.map((p, i) => (i < names.length - 1 ? `${p},` : p))
  const room = STRIP - 20
  const lines = wrap(ports, room, SIZE.text)
  const remark = flow.comment ?? (flow.kind === 'forwarded' ? 'forwarded' : undefined)
  const more = remark === undefined ? [] : wrap(remark.split(/\s+/), room, SIZE.text)
  const text = (line: string, i: number): Text => ({
    x: MARGIN + 12,
    y: y + 16 + LINE * i,
    text: line,
    size: SIZE.text,
    faint: i >= lines.length,
  })
  return {
    kind: 'row',
    x: MARGIN,
    y,
    w: width - 2 * MARGIN,
    h: 12 + LINE * (lines.length + more.length),
    title: `${flow.from.join(', ')} to ${flow.to.join(', ')}: ${flow.ports.join(', ')}${flow.comment === undefined ? '' : ` (${flow.comment})`}`,
    texts: [...lines, ...more].map(text),
  }
}

function draw(
  flow: GraphFlow,
  y: number,
  centre: ReadonlyMap<string, number>,
  lines: Line[],
  marks: Mark[],
): void {
  const xOf = (name: string): number => centre.get(name) ?? 0
  const both = (name: string): boolean => flow.from.includes(name) && flow.to.includes(name)
  const froms = flow.from.map(of => ({ of, x: xOf(of) - (both(of) ? APART : 0) }))
  const tos = flow.to.map(of => ({ of, x: xOf(of) + (both(of) ? APART : 0) }))
  const all = [...froms, ...tos].map(e => e.x)
  const kind = flow.kind === 'balanced' ? 'balanced' : 'flow'
  lines.push({ kind, x1: Math.min(...all), y1: y, x2: Math.max(...all), y2: y })
  for (const { of, x } of froms) marks.push({ kind: 'from', x, y, of })
  for (const { of, x } of tos) {
    const before = froms.some(f => f.x < x)
    const after = froms.some(f => f.x > x)
    const apart = before && after ? APART : 0
    if (before) marks.push({ kind: 'right', x: x - apart, y, of })
    if (after || !before) marks.push({ kind: 'left', x: x + apart, y, of })
  }
}

/** All names that flows begin or end at: outside, then lane by lane network, hosts and VIPs, then addresses and patterns. */
function endpoints(graph: Graph, lanes: readonly string[]): string[] {
  const used = new Set(graph.flows.flatMap(f => [...f.from, ...f.to]))
  const rank = (name: string): number => {
    if (name === 'any') return 0
    if (name === 'wan') return 1
    const lane = lanes.indexOf(name)
    if (lane >= 0) return 10 * (lane + 1)
    if (graph.vips.some(v => v.name === name))
      return 10 * (1 + (hueOf(graph, lanes, name) ?? lanes.length)) + 2
    return 10 * (1 + (hueOf(graph, lanes, name) ?? lanes.length)) + 1
  }
  return [...used].sort((a, b) => rank(a) - rank(b))
}

/** The lane of a name's network. */
const hueOf = (graph: Graph, lanes: readonly string[], name: string): number | undefined => {
  const lane = lanes.indexOf(graph.networkOf[name] ?? '')
  return lane < 0 ? undefined : lane
}
