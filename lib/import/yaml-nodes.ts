import { isScalar, type Pair as YamlPair } from 'yaml'
import { Kept } from './model.ts'
import { floatText } from './numbers.ts'

export const TAG = 'tag:yaml.org,2002:'
export const MAPS = /^(!unsafe|tag:yaml\.org,2002:(map|python\/dict))$/

export const isMergeKey = ({ key }: YamlPair): boolean =>
  isScalar(key) && key.value === '<<' && key.type === 'PLAIN' && key.tag === undefined

/** A key that is no text, as Python's json module shows it. */
export function keyText(value: unknown): string {
  if (value instanceof Kept) return value.text
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : floatText(value)
  return JSON.stringify(value)
}

export function isJson(text: string): boolean {
  if (!/^\s*[[{"]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
