import type { ListrRenderer } from 'listr2'
import { ANSI_ESCAPE_CODES, Listr, ProcessOutput, Spinner } from 'listr2'
import type { Event, RecapEvent, TaskEvent } from '../engine/events.ts'
import type { LocatedFailure } from './blocks.ts'
import { addFailure, failureBlock, failureOf, noteLine } from './blocks.ts'
import { changeList } from './changes.ts'
import { closing } from './closing.ts'
import { pageLines } from './page.ts'
import { recapTable } from './recap.ts'
import { createStyle } from './style.ts'
import { createTree, reduce } from './tree.ts'
import { cleanLine } from '../text/sanitise.ts'
import type { Report, ReportOptions } from './types.ts'
import type { Frame } from './view.ts'
import { finalView, liveView } from './view.ts'
import { width } from './width.ts'
import { createWriter } from './writer.ts'

type PageEvent = Extract<Event, { type: 'page' }>
type Draw = (frame: Frame) => string[]

interface PainterOptions {
  readonly report: ReportOptions
  readonly live: Draw
  readonly final: Draw
}

/** listr2's type is narrower than what it uses: any writable stream will do. */
type Terminal = ConstructorParameters<typeof ProcessOutput>[0]

const CLEAR_DOWN = '\u001b[J'
const CLEAR_LINE = '\u001b[K'

/**
 * Draws the tree in place. listr2's own renderers do not fit a hundred hosts into a terminal's height, so the drawing
 * is ours; the task's life, the spinner and holding back foreign output are listr2's.
 */
class Painter implements ListrRenderer {
  static rendererOptions: PainterOptions
  static rendererTaskOptions: never
  static nonTTY = true
  readonly #options: PainterOptions
  readonly #output: ProcessOutput
  readonly #spinner = new Spinner()
  /** Cells of each line of the frame that is on the screen. */
  #drawn: number[] = []

  constructor(_tasks: unknown, options: PainterOptions) {
    this.#options = options
    const { stdout, stderr } = options.report
    this.#output = new ProcessOutput(stdout as Terminal, stderr as Terminal)
  }

  readonly #showCursor = (): void => {
    this.#output.toStdout(ANSI_ESCAPE_CODES.CURSOR_SHOW, false)
  }

  #frame(): Frame {
    const { stdout, columns, rows } = this.#options.report
    const size = stdout as Partial<NodeJS.WriteStream>
    return {
      columns: Math.max(20, (size.columns ?? columns) - 1),
      rows: Math.max(3, (size.rows ?? rows) - 1),
      now: Date.now(),
      spinner: this.#spinner.fetch(),
    }
  }

  /** How many rows up the present frame begins. A terminal that got narrower has wrapped its lines. */
  #height(): number {
    const { columns, rows } = this.#options.report.stdout as Partial<NodeJS.WriteStream>
    const wrapped = this.#drawn.map(cells =>
      columns ? Math.max(1, Math.ceil(cells / columns)) : 1,
    )
    const height = wrapped.reduce((sum, n) => sum + n, 0)
    return rows ? Math.min(height, rows - 1) : height
  }

  #paint(lines: readonly string[]): void {
    const height = this.#height()
    const up = height > 0 ? `\u001b[${height}A` : ''
    const text = lines.map(line => `${line}${CLEAR_LINE}\n`).join('')
    this.#output.toStdout(`${up}\r${text}${CLEAR_DOWN}`, false)
    this.#drawn = lines.map(width)
  }

  render(): void {
    this.#output.hijack()
    process.once('exit', this.#showCursor)
    this.#paint(this.#options.live(this.#frame()))
    this.#spinner.start(() => this.#paint(this.#options.live(this.#frame())))
  }

  end(): void {
    this.#spinner.stop()
    this.#paint(this.#options.final(this.#frame()))
    process.off('exit', this.#showCursor)
    this.#output.release()
  }
}

/** A terminal's report: the live tree, then failures in full, the changes (dry run or --diff) and the recap. */
export const createListr = async (options: ReportOptions): Promise<Report> => {
  const style = await createStyle(options.color)
  const tree = createTree(Date.now(), options.known)
  const failures: LocatedFailure[] = []
  const changed: TaskEvent[] = []
  const warnings: string[] = []
  const out = createWriter(options.stdout)
  const people = createWriter(options.stderr)
  let command = ''
  let recap: RecapEvent | undefined
  let page: PageEvent | undefined
  let readOnly = false
  let finish: (() => void) | undefined
  let running: Promise<unknown> | undefined

  const start = (): void => {
    const finished = new Promise<void>(done => (finish = done))
    const report: PainterOptions = {
      report: options,
      live: frame => liveView(tree, frame, style),
      final: frame => (readOnly && page ? [] : finalView(tree, frame, style)),
    }
    running = new Listr([{ title: command, task: () => finished }], {
      renderer: Painter,
      rendererOptions: report,
      registerSignalListeners: false,
    }).run()
  }
  const keep = (event: Event): void => {
    addFailure(failures, failureOf(event))
    if (event.type === 'start') {
      command = event.command
      readOnly = event.readOnly ?? false
    } else if (event.type === 'page') page = event
    else if (event.type === 'recap') recap = event
    else if (event.type === 'pass' && event.pass === 'apply' && event.state === 'start')
      changed.length = 0
    else if (event.type === 'task') changed.push(event)
    else if (event.type === 'stopping' && !running) people.write(`fmc: ${cleanLine(event.text)}\n`)
    else if (event.type === 'note') {
      if (!running) people.write(`${noteLine(event)}\n`)
      else if (event.level === 'warning') warnings.push(noteLine(event))
    }
  }
  const below = (): string[] => {
    const columns = (options.stdout as Partial<NodeJS.WriteStream>).columns ?? options.columns
    const shown = page ? pageLines(page, style, columns) : []
    const painted = warnings.map(text => style.warning(text))
    if (page && readOnly) return ['', ...painted, ...shown]
    const list = tree.dryRun || options.diff || options.verbose
    const blocks = [
      painted,
      list ? changeList(changed, { diff: options.diff, columns }, style).slice(0, -1) : [],
      // After the changes, whose list may be longer than the screen.
      ...failures.map(failed => failureBlock(failed, style)),
      shown,
      recap ? recapTable(recap, style, { fold: !options.verbose, columns }) : [],
      recap ? closing(recap, style) : [],
    ]
    return blocks.filter(lines => lines.length > 0).flatMap(lines => ['', ...lines])
  }
  return {
    on(event) {
      keep(event)
      reduce(tree, event, Date.now())
      if (event.type === 'start') start()
    },
    async end() {
      finish?.()
      await running
      const lines = below()
      if (lines.length > 0) out.write(`${lines.join('\n')}\n`)
      await Promise.all([out.end(), people.end()])
    },
  }
}
