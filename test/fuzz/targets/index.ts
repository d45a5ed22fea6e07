import type { Target } from '../harness.ts'
import { clusters } from './cluster.ts'
import { engine } from './engine.ts'
import { facts } from './facts.ts'
import { hostAnswers } from './hosts.ts'
import { imports } from './import.ts'
import { inventories } from './inventory.ts'
import { reports } from './report.ts'
import { secrets } from './secrets.ts'
import { ssh } from './ssh.ts'

/** Everything that reads what somebody else wrote: hosts, people, files that were kept. */
export const TARGETS: readonly Target[] = [
  ...facts,
  ...ssh,
  ...engine,
  ...inventories,
  ...imports,
  ...secrets,
  ...reports,
  ...clusters,
  ...hostAnswers,
]
