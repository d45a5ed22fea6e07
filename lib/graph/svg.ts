import { cleanLine } from '../text/sanitise.ts'
import { flowChart } from './flow-chart.ts'
import { MARGIN } from './boxes.ts'
import { topology } from './layout.ts'
import { fit, SIZE } from './measure.ts'
import type { Graph } from './model.ts'
import type { Box, Line, Mark, Picture, Text } from './picture.ts'

/** The first bytes of every picture: by them fmc knows a file that it may replace. */
export const SVG_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" data-made-by="fmc graph"'

/** The picture of an inventory: networks with hosts and VIPs above, the flows below. */
export function pictureOf(graph: Graph): Picture {
  const upper = topology(graph, MARGIN + 58)
  const chart =
    graph.flows.length > 0 ? flowChart(graph, upper.lanes, upper.bottom + 52) : undefined
  const width = Math.ceil(Math.max(upper.width, chart?.width ?? 0))
  const wide = (box: Box): Box =>
    box.kind === 'lane' || box.kind === 'row' ? { ...box, w: width - 2 * MARGIN } : box
  const heading = (text: string, below: string, y: number): Box => ({
    kind: 'row',
    x: MARGIN,
    y,
    w: width - 2 * MARGIN,
    h: 46,
    title: text,
    texts: [
      {
        x: MARGIN + 12,
        y: y + 20,
        text: fit(text, width - 56, SIZE.title, true),
        size: SIZE.title,
        bold: true,
      },
      {
        x: MARGIN + 12,
        y: y + 38,
        text: fit(below, width - 56, SIZE.text),
        size: SIZE.text,
        faint: true,
      },
    ],
  })
  return {
    width,
    height: Math.ceil((chart?.bottom ?? upper.bottom) + MARGIN),
    boxes: [
      heading(graph.domain, summary(graph), MARGIN),
      ...(chart
        ? [
            heading(
              'Who may reach whom',
              'from ● to ▶; the ports are at the left',
              upper.bottom + 4,
            ),
          ]
        : []),
      ...upper.boxes.map(wide),
      ...(chart?.boxes.map(wide) ?? []),
    ],
    lines: [...upper.lines, ...(chart?.lines ?? [])],
    marks: chart?.marks ?? [],
  }
}

const summary = ({ hosts, networks, vips }: Graph): string =>
  [
    [hosts.length, 'host'],
    [networks.length, 'network'],
    [vips.length, 'VIP'],
  ]
    .filter(([n]) => n !== 0)
    .map(([n, word]) => `${n} ${word}${n === 1 ? '' : 's'}`)
    .join(', ')

/**
 * An SVG document of a picture, with light and dark colours, without scripts and external files. All texts are escaped and
 * free of control characters. The same picture gives the same bytes. Ends with a newline.
 */
export function svgOf(graph: Graph, { width, height, boxes, lines, marks }: Picture): string {
  const flows = graph.flows.map(
    f => `${f.from.join(', ')} to ${f.to.join(', ')}: ${f.ports.join(', ')}`,
  )
  return [
    `${SVG_HEAD} viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="t d">`,
    `<title id="t">${xml(`The cloud ${graph.domain}`)}</title>`,
    `<desc id="d">${xml(`${summary(graph)}. ${graph.hosts.map(h => h.name).join(', ')}. Flows: ${flows.join('; ')}.`)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...boxes.filter(b => b.kind === 'row').map(box),
    ...boxes.filter(b => b.kind !== 'row').map(box),
    ...lines.map(line),
    ...marks.map(mark),
    '</svg>',
    '',
  ].join('\n')
}

const HUES = 8

const box = ({ kind, x, y, w, h, hue, texts, title }: Box): string => {
  const colour = hue === undefined ? '' : ` h${hue % HUES}`
  const radius = { lane: 8, frame: 10, host: 6, chip: 6, vip: 14, head: 6, row: 0 }[kind]
  const shape = `<rect class="${kind}${colour}" x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" rx="${radius}"/>`
  return `<g><title>${xml(title)}</title>${shape}${texts.map(text).join('')}</g>`
}

const text = ({ x, y, text: content, size, bold, faint, anchor }: Text): string =>
  `<text${faint ? ' class="faint"' : ''} x="${n(x)}" y="${n(y)}" font-size="${size}"${bold ? ' font-weight="600"' : ''}${anchor === 'middle' ? ' text-anchor="middle"' : ''}>${xml(content)}</text>`

const line = ({ kind, x1, y1, x2, y2 }: Line): string =>
  `<line class="${kind}" x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}"/>`

const mark = ({ kind, x, y }: Mark): string => {
  if (kind === 'from') return `<circle class="end" cx="${n(x)}" cy="${n(y)}" r="4"/>`
  const tip = kind === 'right' ? 6 : -6
  return `<path class="end" d="M${n(x + tip)} ${n(y)}L${n(x - tip)} ${n(y - 6)}V${n(y + 6)}Z"/>`
}

/** A number without a long fraction. */
const n = (value: number): string => String(Number(value.toFixed(2)))

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const xml = (value: string): string =>
  cleanLine(value).replace(/[&<>"']/g, char => ENTITIES[char] ?? char)

/** Degrees on the colour circle, far apart for neighbours. */
const DEGREES = [210, 35, 150, 275, 0, 90, 320, 185]

const colours = (saturation: number, lightness: number): string =>
  DEGREES.map((d, i) => `.h${i}{--c:hsl(${d} ${saturation}% ${lightness}%)}`).join('')

const STYLE = [
  ':root{color-scheme:light dark;--page:#fff;--ink:#1f2328;--faint:#59636e;--card:#fff;--edge:#8c959f;--flow:#1f2328;--grid:#d1d9e0}',
  'text{fill:var(--ink);font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}',
  '.faint{fill:var(--faint)}.page{fill:var(--page)}.row{fill:none}',
  '.lane{fill:var(--c);fill-opacity:.1}',
  '.host,.chip,.vip,.head{fill:var(--card);stroke:var(--c,var(--edge));stroke-width:1.2}',
  '.chip{stroke-dasharray:3 3}.vip{stroke-width:2}.head{stroke-width:1}',
  '.frame{fill:var(--edge);fill-opacity:.07;stroke:var(--edge);stroke-width:1.2;stroke-dasharray:5 4}',
  'line{stroke:var(--grid)}.tie{stroke:var(--edge);stroke-width:2}',
  '.flow,.balanced{stroke:var(--flow);stroke-width:1.6}.balanced{stroke-dasharray:5 3}',
  '.end{fill:var(--flow)}',
  colours(65, 42),
  '@media (prefers-color-scheme:dark){',
  ':root{--page:#0d1117;--ink:#e6edf3;--faint:#9198a1;--card:#151b23;--edge:#656c76;--flow:#e6edf3;--grid:#2a313a}',
  colours(60, 62),
  '}',
].join('')
