import {
  chipBox,
  frameBox,
  HEAD,
  heightOf,
  hostBox,
  laneBox,
  LINE,
  MARGIN,
  STRIP,
  tagRoom,
  tagsOf,
  vipBox,
  widthOf,
} from './boxes.ts'
import { chipsOf, framesOf, spanOfFrame, stack, vipName } from './frames.ts'
import { laneOrder, spanOf } from './lanes.ts'
import type { Graph } from './model.ts'
import type { Box, Line } from './picture.ts'

const PAD = 12
const GAP = 10
const VIP = 38

/** The upper part of the picture: a lane for each network, with hosts and VIPs in it. */
export interface Topology {
  readonly boxes: readonly Box[]
  readonly lines: readonly Line[]
  readonly width: number
  readonly bottom: number
  /** Networks from top to bottom; a network's position is its hue. */
  readonly lanes: readonly string[]
}

/** Places networks, hosts and VIPs below `top`. */
export function topology(graph: Graph, top: number): Topology {
  const lanes = laneOrder(graph)
  const frames = framesOf(graph, lanes)
  const boxWidth = widthOf(graph)
  const boxHeight = heightOf(graph)
  const step = boxWidth + GAP
  const boxes: Box[] = []
  const lines: Line[] = []

  const lefts: number[] = []
  let right = MARGIN + STRIP
  for (const { packed, hypervisor } of frames) {
    lefts.push(right + PAD + tagRoom(hypervisor))
    right = (lefts.at(-1) ?? 0) + packed.columns * step - GAP + PAD + (frames.length > 1 ? PAD : 0)
  }
  const width = Math.max(right, 480) + MARGIN

  const ys: { y: number; rows: number; h: number }[] = []
  let y = top
  for (const [lane, name] of lanes.entries()) {
    const head = frames.some(f => f.hypervisor && spanOfFrame(f, lanes).top === lane) ? HEAD : 0
    const tags = Math.max(0, ...frames.map(f => tagsOf(f.hypervisor, name).length)) * LINE
    const vips = Math.max(0, ...frames.map(f => stack(f, name).length)) * (VIP + GAP)
    const rows = y + PAD + head + vips
    const count = Math.max(0, ...frames.map(f => f.packed.rows[lane] ?? 0))
    const h = Math.max(
      74,
      2 * PAD + head + tags,
      rows - y + count * (boxHeight + GAP) - (count > 0 ? GAP : 0) + PAD,
    )
    ys.push({ y, rows, h })
    boxes.push(laneBox(graph, name, lane, y, width - 2 * MARGIN, h))
    y += h + 6
  }
  const at = (lane: number) => ys[lane] ?? { y: top, rows: top, h: 0 }

  for (const [f, frame] of frames.entries()) {
    const left = lefts[f] ?? 0
    const columnAt = (name: string): number =>
      left + (frame.packed.places.get(name)?.column ?? 0) * step
    const rowAt = (name: string, lane: number): number =>
      at(lane).rows + (frame.packed.places.get(name)?.row ?? 0) * (boxHeight + GAP)
    if (frame.hypervisor)
      boxes.push(
        frameBox(
          frame.hypervisor,
          spanOfFrame(frame, lanes),
          left - PAD - tagRoom(frame.hypervisor) + 2,
          2 * PAD + tagRoom(frame.hypervisor) + frame.packed.columns * step - GAP - 4,
          lanes,
          at,
        ),
      )
    for (const host of frame.hosts) {
      const { top: first, bottom } = spanOf(host, lanes)
      const last = frame.tall ? bottom : first
      const y1 = rowAt(host.name, first)
      const y2 = (first === last ? y1 : at(last).rows) + boxHeight
      const x = columnAt(host.name)
      boxes.push(
        hostBox(host, x, y1, boxWidth, y2 - y1, lanes, first, lane =>
          frame.tall ? rowAt(host.name, lane) : undefined,
        ),
      )
    }
    for (const host of frame.tall ? [] : frame.hosts)
      for (const { name, top: lane } of chipsOf(host, lanes)) {
        const [x, y1] = [columnAt(name), rowAt(name, lane)]
        boxes.push(chipBox(host, lanes[lane] ?? '', lane, x, y1, boxWidth, boxHeight))
      }
    for (const vip of frame.loose) {
      const lane = Math.max(0, lanes.indexOf(vip.network))
      const x = columnAt(vipName(vip))
      boxes.push(vipBox(vip, x, rowAt(vipName(vip), lane), boxWidth, boxHeight, lane))
    }
    for (const [lane, name] of lanes.entries())
      for (const [i, vip] of stack(frame, name).entries()) {
        const columns = vip.balancers.map(columnAt)
        const x = Math.min(...columns)
        const w = Math.max(...columns) + boxWidth - x
        const y1 = at(lane).rows - (stack(frame, name).length - i) * (VIP + GAP)
        boxes.push(vipBox(vip, x, y1, w, VIP, lane))
        for (const column of columns)
          lines.push({
            kind: 'tie',
            x1: column + boxWidth / 2,
            y1: y1 + VIP,
            x2: column + boxWidth / 2,
            y2: y1 + VIP + GAP,
          })
      }
  }
  return { boxes, lines, width, bottom: y, lanes }
}
