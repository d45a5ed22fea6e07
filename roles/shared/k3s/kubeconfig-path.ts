import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { inventory, z } from '../../../lib/index.ts'

/** Shared by the role that writes the file and the one to which it is a trace of a cluster. */
export const kubeconfigVars = {
  kubeconfig_path: z
    .string()
    .optional()
    .describe(
      'File on the controller, absolute or from ~; default ~/.kube/DOMAIN.yaml. In the lab: in its directory',
    ),
} as const

export const kubeconfigPath = (path: string | undefined): string =>
  expandHome(path ?? `~/.kube/${inventory().domain}.yaml`)

export const expandHome = (path: string): string =>
  path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(path)
