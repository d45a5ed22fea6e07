import { spanName, type Span, type Timeline } from '../timeline.ts'
import { duration, mark } from '../duration.ts'
import { markup, NONE, type Html } from './escape.ts'

/** The width of a row in its own units; the page stretches it. */
const WIDE = 1000
/** Narrower bars could not be seen. */
const THINNEST = 2
/** Neighbours that are shorter become one bar. */
const SHORT = 4
/** Rows that are shown at once. */
const ROWS = 30

interface Bar {
  readonly status: Span['status']
  readonly spans: readonly Span[]
  readonly from: number
  to: number
}

/** The timeline: a row per host, the critical path marked below its bars. `names`: all hosts, in order. */
export function gantt(
  timeline: Timeline,
  path: ReadonlySet<Span>,
  names: readonly string[],
  bad: ReadonlySet<string>,
): Html {
  const byHost = new Map<string, Span[]>(names.map(name => [name, []]))
  for (const span of timeline.spans) byHost.get(span.host)?.push(span)
  const critical = new Set([...path].map(span => span.host))
  const many = names.length > ROWS
  const end = (name: string): number => byHost.get(name)?.at(-1)?.to ?? 0
  const ranked = many
    ? names.toSorted(
        (a, b) =>
          Number(critical.has(b)) - Number(critical.has(a)) ||
          Number(bad.has(b)) - Number(bad.has(a)) ||
          end(b) - end(a),
      )
    : names
  const first = new Set(ranked.slice(0, ROWS))
  const row = (name: string): Html =>
    markup`<div class="row${critical.has(name) ? (' crit' as Html) : NONE}" data-q>
      <span class="name" title="${{ text: name }}">${{ text: name }}</span
      >${bars(byHost.get(name) ?? [], timeline, path)}
    </div>`
  const [shown, folded] = [names.filter(n => first.has(n)), names.filter(n => !first.has(n))]
  return markup`<div class="${many ? ('many' as Html) : NONE}">
      ${head(timeline)}${shown.map(row)}${
        folded.length === 0
          ? NONE
          : markup`<details>
              <summary>${folded.length} more hosts, which ended earlier</summary>
              ${folded.map(row)}
            </details>`
      }
    </div>
    ${legend(timeline)}`
}

function head({ passes, ms }: Timeline): Html {
  const ticks = [0, 1, 2, 3].map(
    n => markup`<span>${{ text: n === 0 ? '0' : mark((ms * n) / 4) }}</span>`,
  )
  const bands = passes.map(({ pass, from, to }) =>
    rect(pass, from, to, ms, 0, 10, `${pass}: ${duration(to - from)}`),
  )
  return markup`<div class="row">
      <span class="name soft">time</span>
      <div class="ticks">${ticks}</div>
    </div>
    <div class="row"><span class="name soft">pass</span>${svg(bands)}</div>`
}

const svg = (content: readonly Html[]): Html =>
  markup`<svg viewBox="0 0 ${WIDE} 10" preserveAspectRatio="none" role="img">${content}</svg>`

const round = (n: number): number => Math.round(n * 10) / 10

function rect(
  kind: string,
  from: number,
  to: number,
  ms: number,
  y: number,
  height: number,
  title?: string,
): Html {
  const wide = Math.max(THINNEST, ((to - from) / ms) * WIDE)
  const x = Math.min((from / ms) * WIDE, WIDE - wide)
  return markup`<rect
    class="${{ text: kind }}"
    x="${round(x)}"
    y="${y}"
    width="${round(wide)}"
    height="${height}"
    >${title === undefined ? NONE : markup`<title>${{ text: title }}</title>`}</rect
  >`
}

function bars(spans: readonly Span[], { ms }: Timeline, path: ReadonlySet<Span>): Html {
  const unit = ms / WIDE
  const made: Bar[] = []
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = made.at(-1)
    const isShort = (from: number, to: number): boolean => to - from < SHORT * unit
    if (
      last?.status === span.status &&
      span.from - last.to < unit &&
      isShort(span.from, span.to) &&
      isShort(last.from, last.to)
    )
      made[made.length - 1] = {
        ...last,
        spans: [...last.spans, span],
        to: Math.max(last.to, span.to),
      }
    else made.push({ status: span.status, spans: [span], from: span.from, to: span.to })
  }
  const grid = [1, 2, 3].map(
    n => markup`<rect class="grid" x="${n * 250}" y="0" width="1" height="10" />`,
  )
  // What went wrong is drawn last, above its neighbours.
  const worst = (bar: Bar): number =>
    Number(bar.status === 'failed' || bar.status === 'unreachable')
  return svg([
    ...grid,
    ...made
      .toSorted((a, b) => worst(a) - worst(b))
      .map(bar => rect(bar.status, bar.from, bar.to, ms, 0, 7, titleOf(bar))),
    ...joined(spans.filter(span => path.has(span))).map(({ from, to }) =>
      rect('path', from, to, ms, 8, 2),
    ),
  ])
}

/** Parts of the critical path that follow each other on a host, as one line. */
function joined(spans: readonly Span[]): { from: number; to: number }[] {
  const lines: { from: number; to: number }[] = []
  for (const { from, to } of spans) {
    const last = lines.at(-1)
    if (last && from - last.to < 50) last.to = to
    else lines.push({ from, to })
  }
  return lines
}

function titleOf({ spans, status, from, to }: Bar): string {
  const [one] = spans
  const name = spans.length === 1 && one ? spanName(one) : `${spans.length} tasks`
  return `${name}: ${status === 'connect' ? '' : `${status}, `}${duration(to - from)}`
}

function legend({ passes }: Timeline): Html {
  const entry = (kind: string, text: string): Html =>
    markup`<span
      ><svg viewBox="0 0 10 10" preserveAspectRatio="none">
        <rect class="${{ text: kind }}" width="10" height="10" /></svg
      >${{ text }}</span
    >`
  return markup`<div class="legend">
    ${[
      ...passes.map(({ pass }) => entry(pass, `pass ${pass}`)),
      ...(['connect', 'ok', 'changed', 'skipped', 'failed', 'unreachable'] as const).map(kind =>
        entry(kind, kind === 'connect' ? 'login' : kind),
      ),
      entry('path', 'critical path'),
    ]}
  </div>`
}
