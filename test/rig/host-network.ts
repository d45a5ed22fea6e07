import { hostOf } from '../../lib/lab/enter.ts'
import type { LabState } from '../../lib/lab/index.ts'
import { netnsPath } from '../../lib/lab/paths.ts'

/** A command line that runs `argv` in a host's network, as a process of this machine. */
export const enterHostNetwork = (
  state: LabState,
  host: string,
  argv: readonly string[],
): string[] => ['nsenter', `--net=${netnsPath(hostOf(state, host).netns)}`, '--', ...argv]
