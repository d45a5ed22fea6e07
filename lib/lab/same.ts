import { isDeepStrictEqual } from 'node:util'

/** Whether two values are the same in JSON, which has no undefined: one of them may have been read back from a file. */
export const same = (a: unknown, b: unknown): boolean => isDeepStrictEqual(plain(a), plain(b))

const plain = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value))
