import { parseVersion } from '../k3s/version.ts'

/** The first patch release of each minor line of Kubernetes 1 whose K3s has a thing. */
type First = Readonly<Record<number, number>>

/**
 * helm-controller 0.17.6 or 0.16.25, whose kinds accept `failurePolicy: retry` and know `forceConflicts`; older ones refuse
 * such a manifest whole (helm-controller, types.go of these tags and of those before; K3s, go.mod of the release branches).
 */
const REPAIRS: First = { 34: 10, 35: 7, 36: 3 }

/**
 * Traefik's chart 40, which reads the Service's type from `service.spec.type`. Chart 39 prints `service.type`, and then all
 * of `service.spec`, so that a type there would be in the Service twice (traefik-helm-chart, templates/_service.tpl; K3s,
 * manifests/traefik.yaml of the release branches).
 */
const CHART_40: First = { 33: 13, 34: 9, 35: 6, 36: 2 }

/** An older line than those named has it in no release, a newer one in all. */
function has(release: string | undefined, first: First): boolean {
  const version = release === undefined ? undefined : parseVersion(release)
  if (!version || version.major > 1) return true
  const patch = first[version.minor]
  if (patch === undefined) return version.minor > Math.max(...Object.keys(first).map(Number))
  return version.patch >= patch
}

/** What a release of K3s brings along, as far as manifests depend on it. */
export interface Bundled {
  /** Can its helm-controller repair a failed release, and take over fields that somebody else set? */
  readonly repairs: boolean
  /** Does its chart of Traefik read `service.spec.type`? Else `service.type`. */
  readonly specType: boolean
}

/**
 * What comes with this release of K3s.
 *
 * @param release - such as v1.36.3+k3s1; undefined: one that is newer than what is known here
 */
export const bundledWith = (release: string | undefined): Bundled => ({
  repairs: has(release, REPAIRS),
  specType: has(release, CHART_40),
})
