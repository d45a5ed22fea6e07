import { excerpt, TaskError } from '../../../lib/index.ts'

/** A K3s release: v1.36.3+k3s1. */
export interface Version {
  readonly major: number
  readonly minor: number
  readonly patch: number
  readonly k3s: number
}

export const VERSION = /^v(\d{1,6})\.(\d{1,6})\.(\d{1,6})\+k3s(\d{1,6})$/

export function parseVersion(text: string): Version | undefined {
  const [, major, minor, patch, k3s] = VERSION.exec(text) ?? []
  if (major === undefined) return undefined
  return { major: Number(major), minor: Number(minor), patch: Number(patch), k3s: Number(k3s) }
}

/** Negative: a is older than b. Throws TaskError for text that is no release: the versions come from nodes. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [parseVersion(a), parseVersion(b)]
  if (!x || !y)
    throw new TaskError(`${excerpt(x ? b : a)} is not a K3s release such as v1.36.3+k3s1`)
  return x.major - y.major || x.minor - y.minor || x.patch - y.patch || x.k3s - y.k3s
}

/**
 * Why a node must not go from one release to another; undefined: it may. Kubernetes supports neither downgrades nor
 * skipped minor versions (kubernetes.io/releases/version-skew-policy).
 */
export function refusedStep(from: string, to: string): string | undefined {
  const [a, b] = [parseVersion(from), parseVersion(to)]
  if (!a || !b) return `${excerpt(a ? to : from)} is not a K3s release such as v1.36.3+k3s1`
  if (compareVersions(to, from) < 0) return `${from} → ${to} would be a downgrade`
  if (b.major !== a.major || b.minor > a.minor + 1)
    return `${from} → ${to} skips minor versions: upgrade to v${a.major}.${a.minor + 1} first`
  return undefined
}
