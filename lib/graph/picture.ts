import { textWidth } from './measure.ts'

/** A text at the baseline `y`. */
export interface Text {
  readonly x: number
  readonly y: number
  readonly text: string
  readonly size: number
  readonly bold?: boolean
  readonly faint?: boolean
  readonly anchor?: 'start' | 'middle'
}

/** A rectangle with the texts that lie in it. */
export interface Box {
  /** A `frame` is a hypervisor around its VMs, a `chip` a further address of a host. */
  readonly kind: 'lane' | 'frame' | 'host' | 'chip' | 'vip' | 'head' | 'row'
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
  /** The colour of its network. */
  readonly hue?: number | undefined
  readonly texts: readonly Text[]
  /** The whole name, which a reader sees when the mouse is on it. */
  readonly title: string
}

export interface Line {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
  readonly kind: 'grid' | 'flow' | 'balanced' | 'tie'
}

/** Where a flow begins or ends. */
export interface Mark {
  readonly kind: 'from' | 'left' | 'right'
  readonly x: number
  readonly y: number
  /** Name of the endpoint. */
  readonly of: string
}

/** Everything that is drawn, in pixels; what comes later lies above. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly boxes: readonly Box[]
  readonly lines: readonly Line[]
  readonly marks: readonly Mark[]
}

/** Does a text lie inside its box? */
export function isInside(box: Box, { x, y, text, size, bold, anchor }: Text): boolean {
  const width = textWidth(text, size, bold)
  const left = anchor === 'middle' ? x - width / 2 : x
  return (
    left >= box.x && left + width <= box.x + box.w && y - size >= box.y - 1 && y <= box.y + box.h
  )
}
