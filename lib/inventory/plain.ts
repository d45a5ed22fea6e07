import { isAlias, isMap, isScalar, isSeq, visit, type Document, type Node } from 'yaml'
import { MAX_VALUES, TOO_MANY } from './measure.ts'
import type { Position } from './problem.ts'
import type { RawValue } from './raw.ts'
import { SecretRef } from './secret-ref.ts'

export const SECRET_TAG = '!secret'

/** Tags of YAML 1.1 for bytes, dates and sets, which the library knows but an inventory must not use. */
const OTHER_KINDS = /^tag:yaml\.org,2002:(binary|timestamp|set|omap|pairs|merge)$/

/** Reports a problem at an offset of the text. */
export type Report = (offset: number, message: string, hint?: string) => void

/** Turns a YAML document into plain data, and reports what an inventory must not use. */
export class Plain {
  readonly #document: Document
  readonly #text: string
  readonly #file: string
  readonly #place: (offset: number) => Position
  readonly #report: Report
  readonly #open = new Set<Node>()
  readonly #anchors = new Map<string, Node>()
  #left = MAX_VALUES

  constructor(
    document: Document,
    text: string,
    file: string,
    place: (offset: number) => Position,
    report: Report,
  ) {
    this.#document = document
    this.#text = text
    this.#file = file
    this.#place = place
    this.#report = report
  }

  value(): RawValue {
    this.#readAnchors()
    try {
      return this.#plain(this.#document.contents)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#report(0, 'the YAML is nested too deeply')
      return null
    }
  }

  #readAnchors(): void {
    visit(this.#document, {
      Node: (_, node) => {
        if (isAlias(node) || node.anchor === undefined) return
        if (this.#anchors.has(node.anchor))
          this.#report(
            offsetOf(node),
            `this anchor (&) appears twice; the first is on line ${this.#place(offsetOf(this.#anchors.get(node.anchor))).line}`,
            'rename one of them',
          )
        this.#anchors.set(node.anchor, node)
      },
    })
  }

  #plain(node: unknown): RawValue {
    if (this.#left-- === 0) this.#report(offsetOf(node), TOO_MANY)
    if (this.#left < 0) return null
    const tag = isScalar(node) || isMap(node) || isSeq(node) ? node.tag : undefined
    if (tag !== undefined && OTHER_KINDS.test(tag)) {
      this.#report(offsetOf(node), `unknown tag: ${tag}`, `the only tag is ${SECRET_TAG}`)
      return null
    }
    if (isAlias(node)) return this.#alias(node.source, offsetOf(node))
    if (isScalar(node)) return this.#scalar(node.value, node.tag, offsetOf(node))
    if (isSeq(node)) return node.items.map(item => this.#plain(item))
    if (!isMap(node)) return null
    const map: Record<string, RawValue> = {}
    const keys = new Map<string, number>()
    for (const { key, value } of node.items) {
      const name = this.#key(key)
      if (name === undefined) continue
      const before = keys.get(name)
      if (before === undefined) keys.set(name, offsetOf(key))
      else
        this.#report(
          offsetOf(key),
          `${name} appears twice; the first is on line ${this.#place(before).line}`,
          'rename one, or merge the two',
        )
      map[name] = this.#plain(value)
    }
    return map
  }

  #alias(anchor: string, offset: number): RawValue {
    const target = this.#anchors.get(anchor)
    if (target === undefined || this.#open.has(target)) {
      this.#report(
        offset,
        target === undefined
          ? 'there is no anchor (&) for this alias (*)'
          : 'this alias (*) contains itself',
        target === undefined ? 'put a text that begins with * into quotes' : undefined,
      )
      return null
    }
    this.#open.add(target)
    const value = this.#plain(target)
    this.#open.delete(target)
    return value
  }

  #scalar(value: unknown, tag: string | undefined, offset: number): RawValue {
    if (tag === SECRET_TAG) {
      const name = String(value)
      const start = this.#text.lastIndexOf(SECRET_TAG, offset)
      if (!/^[\w.-]+$/.test(name))
        this.#report(
          start,
          `${SECRET_TAG} needs a name of letters, digits, "_", "-" and "."`,
          `write ${SECRET_TAG} postgresql_password`,
        )
      const { line, column } = this.#place(start)
      return new SecretRef(name, this.#file, line, column)
    }
    if (typeof value === 'number' && !Number.isFinite(value))
      this.#report(offset, 'not a finite number')
    if (typeof value === 'string' && value.includes('\0'))
      this.#report(
        offset,
        'a text with a NUL character',
        'no command and no file name can contain it',
      )
    return value === undefined ? null : (value as RawValue)
  }

  #key(key: unknown): string | undefined {
    const value = isScalar(key) ? key.value : undefined
    if (value === '<<' || value === '__proto__') {
      this.#report(
        offsetOf(key),
        `the key ${value} is not allowed`,
        value === '<<' ? 'share values through the vars of a group' : undefined,
      )
      return undefined
    }
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return String(value)
    this.#report(
      offsetOf(key),
      'a key must be a plain text',
      isMap(key) ? 'fmc knows no Jinja; put a text that begins with { into quotes' : undefined,
    )
    return undefined
  }
}

/** The offset of a node in the text. */
export const offsetOf = (node: unknown): number =>
  (isAlias(node) || isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined) ?? 0
