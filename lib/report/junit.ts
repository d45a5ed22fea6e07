import type { Event, PageEvent, RecapEvent, TaskEvent } from '../engine/events.ts'
import { addFailure, changeWords, failureOf, type LocatedFailure } from './blocks.ts'
import { createPlain } from './plain.ts'
import type { Report, ReportOptions } from './types.ts'
import { createWriter } from './writer.ts'
import { xmlAttributes, xmlText } from './xml.ts'

/** One test case of a suite. */
interface Case {
  readonly classname: string
  readonly name: string
  readonly seconds: number
  readonly result: 'passed' | 'skipped' | 'failure' | 'error'
  /** Of a failure or skip: in one sentence. */
  readonly message: string
  readonly type: string
  readonly text: string
}

interface Suite {
  readonly name: string
  readonly cases: Map<string, Case>
  /** What changed. */
  readonly out: string[]
}

/**
 * JUnit XML on stdout when the run has ended: a suite per host, a case per task, and a suite for the page of a check. It keeps the
 * rules of the schema that most readers follow (JUnit.xsd of github.com/windyroad/JUnit-Schema). The plain report goes to
 * stderr.
 */
export const createJunit = async (options: ReportOptions): Promise<Report> => {
  const people = await createPlain({ ...options, stdout: options.stderr, color: false })
  const xml = createWriter(options.stdout)
  const events = new JunitSuites(new Date())
  return {
    on(event) {
      people.on(event)
      events.add(event)
    },
    async end() {
      await people.end()
      xml.write(events.xml())
      await xml.end()
    },
  }
}

/** Collects the events of a run. */
export class JunitSuites {
  readonly #begin: Date
  readonly #suites = new Map<string, Suite>()
  readonly #failures: LocatedFailure[] = []
  #dryRun = false
  #name = 'fmc'

  constructor(begin: Date) {
    this.#begin = begin
  }

  add(event: Event): void {
    if (event.type === 'start') {
      this.#dryRun = event.dryRun
      this.#name = `fmc ${event.command}`
      for (const host of event.hosts) this.#suite(host)
    } else if (event.type === 'task') this.#task(event)
    else if (event.type === 'page') this.#page(event)
    else if (event.type === 'recap') this.#notReached(event)
    else if (event.type === 'host') this.#lost(event)
  }

  #suite(name: string): Suite {
    let suite = this.#suites.get(name)
    if (!suite) this.#suites.set(name, (suite = { name, cases: new Map(), out: [] }))
    return suite
  }

  #task(event: TaskEvent): void {
    const { play, role, task, status } = event
    const suite = this.#suite(event.delegatedBy ?? event.host)
    const on = event.delegatedBy === undefined ? '' : ` on ${event.host}`
    const failed = failureOf(event)
    addFailure(this.#failures, failed)
    const words = changeWords(event)
    if (status === 'changed')
      suite.out.push(
        `${this.#dryRun ? 'would change' : 'changed'}: ${role} › ${task}${on}: ${words}`,
      )
    // A task that the verify pass finds again has failed.
    suite.cases.set(`${play}\0${role}\0${task}\0${event.host}`, {
      classname: `${play}.${role}`,
      name: `${task}${on}`,
      seconds: event.ms / 1000,
      ...(failed
        ? failedCase(failed)
        : {
            result: status === 'skipped' ? ('skipped' as const) : ('passed' as const),
            ...{ message: event.note ?? '', type: '', text: '' },
          }),
    })
  }

  #lost(event: Event): void {
    const failed = failureOf(event)
    const before = this.#failures.length
    addFailure(this.#failures, failed)
    if (!failed || this.#failures.length === before) return
    this.#suite(failed.host).cases.set('\0host', {
      ...{ classname: 'host', name: failed.host, seconds: 0 },
      ...failedCase(failed),
    })
  }

  #page({ title, findings }: PageEvent): void {
    const suite = this.#suite(title)
    for (const [index, { level, text, details = [], hint }] of findings.entries())
      suite.cases.set(String(index), {
        classname: title,
        name: text,
        seconds: 0,
        result: level === 'broken' || level === 'degraded' ? 'failure' : 'passed',
        message: text,
        type: level,
        text: [...details, ...(hint === undefined ? [] : [`hint: ${hint}`])].join('\n'),
      })
  }

  #notReached({ notReached = {} }: RecapEvent): void {
    for (const [host, plays] of Object.entries(notReached))
      for (const play of plays)
        this.#suite(host).cases.set(`\0${play}`, {
          ...{ classname: play, name: 'the whole play', seconds: 0, result: 'skipped' },
          ...{ message: 'not reached: the run ended before it', type: '', text: '' },
        })
  }

  /** The document, with a newline at its end. */
  xml(): string {
    const suites = [...this.#suites.values()]
    return [
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites>',
      ...suites.flatMap((suite, id) => this.#suiteLines(suite, id)),
      '</testsuites>',
      '',
    ].join('\n')
  }

  #suiteLines({ name, cases: byKey, out }: Suite, id: number): string[] {
    const cases = [...byKey.values()]
    const count = (result: Case['result']): number => cases.filter(c => c.result === result).length
    const attributes = xmlAttributes({
      ...{ name, package: this.#name, id, hostname: name },
      // The schema has a local time without zone; this is UTC.
      timestamp: this.#begin.toISOString().slice(0, 19),
      tests: cases.length,
      failures: count('failure'),
      errors: count('error'),
      skipped: count('skipped'),
      time: seconds(cases.reduce((sum, c) => sum + c.seconds, 0)),
    })
    return [
      `  <testsuite${attributes}>`,
      '    <properties/>',
      ...cases.flatMap(caseLines),
      `    <system-out>${xmlText(out.join('\n'))}</system-out>`,
      '    <system-err/>',
      '  </testsuite>',
    ]
  }
}

const seconds = (value: number): string => value.toFixed(3)

const failedCase = ({
  status,
  failure,
}: LocatedFailure): Pick<Case, 'result' | 'message' | 'type' | 'text'> => ({
  result: status === 'unreachable' ? 'error' : 'failure',
  message: failure.message,
  type: status,
  text: [
    failure.message,
    ...(failure.hint === undefined ? [] : [`hint: ${failure.hint}`]),
    ...(failure.command === undefined ? [] : [`command: ${failure.command}`]),
    ...(failure.output === undefined ? [] : ['output:', failure.output]),
  ].join('\n'),
})

const caseLines = (one: Case): string[] => {
  const open = `    <testcase${xmlAttributes({ classname: one.classname, name: one.name, time: seconds(one.seconds) })}`
  if (one.result === 'passed') return [`${open}/>`]
  if (one.result === 'skipped')
    return [
      `${open}>`,
      `      <skipped${xmlAttributes({ message: one.message === '' ? undefined : one.message })}/>`,
      '    </testcase>',
    ]
  const attributes = xmlAttributes({ message: one.message, type: one.type })
  return [
    `${open}>`,
    `      <${one.result}${attributes}>${xmlText(one.text)}</${one.result}>`,
    '    </testcase>',
  ]
}
