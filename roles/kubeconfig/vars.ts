import { z } from '../../lib/index.ts'
import { kubeconfigVars } from '../shared/k3s/kubeconfig-path.ts'

export const vars = z.object({
  ...kubeconfigVars,
  kubeconfig_server: z
    .string()
    .optional()
    .describe('Name or address of the API in the file; default: the VIP before the servers'),
  kubeconfig_context: z
    .string()
    .regex(/^[\w.@-]+$/, 'expected letters, digits, . _ @ -')
    .optional()
    .describe('Name of the cluster, user and context in the file; default: the domain'),
  kubeconfig_merge: z
    .boolean()
    .default(false)
    .describe(
      "Put cluster, user and context into the user's own file, too; its current context stays",
    ),
  kubeconfig_merge_into: z
    .string()
    .default('~/.kube/config')
    .describe("The user's own file, absolute or from ~"),
})
