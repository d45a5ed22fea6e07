import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { inventory, z } from '../../../lib/index.ts'

/** The role kubeconfig writes the file; the role k3s-server takes its presence as a sign that a cluster exists. */
export const kubeconfigVars = {
  kubeconfig_path: z
    .string()
    .optional()
    .describe(
      'File on the controller, absolute or from ~; default ~/.kube/DOMAIN.yaml. In the lab: in the lab’s directory',
    ),
} as const

export const kubeconfigPath = (path: string | undefined): string =>
  expandHome(path ?? `~/.kube/${inventory().domain}.yaml`)

export const expandHome = (path: string): string =>
  path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(path)
