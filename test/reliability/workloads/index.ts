import type { Play } from '../../../lib/index.ts'
import { edits, files, open, uploads } from './files.ts'
import { guard, handlers, services, rolling } from './services.ts'
import { packages } from './packages.ts'

/** `refused`: a validation refuses the new content. `unsettled`: the new version, and a task that is never done. */
export type Version = 'old' | 'new' | 'refused' | 'unsettled'

/** What a run declares: in the old version, with which every case begins, and in the new one, to which the run goes. */
export interface Workload {
  readonly name: string
  readonly hosts: readonly string[]
  readonly plays: (version: Version) => readonly Play[]
  /** Shell text that prepares a host before the old version is applied. */
  readonly prepare?: string
  /** Paths that the workload does not declare and that change with it, and may hold neither the old nor the new content in between. */
  readonly restless?: readonly RegExp[]
  /** It has the versions of these names. */
  readonly refused?: boolean
  readonly unsettled?: boolean
  /** It has units, which start at boot. */
  readonly units?: boolean
  /** A guard may undo the change when nobody confirms it. */
  readonly guarded?: boolean
}

export const WORKLOADS: readonly Workload[] = [
  files,
  open,
  edits,
  uploads,
  handlers,
  services,
  guard,
  rolling,
  packages,
]
