import type { Target } from '../harness.ts'
import { engine } from './engine.ts'
import { facts } from './facts.ts'
import { ssh } from './ssh.ts'

/** Everything that reads what somebody else wrote: hosts, people, files that were kept. */
export const TARGETS: readonly Target[] = [...facts, ...ssh, ...engine]
