import { Secret, z } from '../../../lib/index.ts'
import { VERSION } from './version.ts'

/** kubernetes.io/docs/concepts/overview/working-with-objects/labels: [prefix/]name. */
const labelKey = z
  .string()
  .regex(
    /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    'expected a label key such as example.com/name',
  )
const labelValue = z
  .string()
  .regex(
    /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/,
    'expected a label value: at most 63 letters, digits, - _ .',
  )

/** For the servers, and for charts that need to know it. */
export const clusterDomain = z
  .string()
  .default('cluster.local')
  .describe('DNS domain of the services')

/** Variables of servers and agents: set them for the group k3s_cluster. */
export const commonVars = {
  k3s_version: z
    .string()
    .regex(VERSION, 'expected a release such as v1.36.3+k3s1')
    .default('v1.36.3+k3s1')
    .describe(
      'Release; pinned with its sha256 in files/artifacts.yaml. Upgrade with: fmc play k3s-upgrade',
    ),
  k3s_agent_token: z
    .instanceof(Secret)
    .describe(
      'Token with which agents join; not the servers’ token. Create it once: fmc secrets set k3s_agent_token --random',
    ),
  k3s_node_labels: z
    .record(labelKey, labelValue)
    .default({})
    .describe('Labels of the Node; every run restores them. Other labels are left alone'),
  k3s_node_taints: z
    .array(
      z
        .string()
        .regex(
          /^[^\s=:]+(=[^\s=:]+)?:(NoSchedule|PreferNoSchedule|NoExecute)$/,
          'expected key=value:NoSchedule (or PreferNoSchedule, NoExecute)',
        ),
    )
    .default([])
    .describe('Taints of the Node: key=value:effect; every run restores them'),
  k3s_registries: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Content of registries.yaml (mirrors, configs); write passwords as !secret'),
  k3s_rpm_repository: z
    .string()
    .regex(/^(none|https?:\/\/[^/\s@]+(\/\S*)?)$/, 'expected the URL of a repository, or none')
    .default('https://rpm.rancher.io/k3s/stable/common/centos/9/noarch')
    .describe(
      'On Enterprise Linux: the repository of k3s-selinux, with /public.key of that server; none: a repository of the host has it. In the lab: none',
    ),
  k3s_airgap_images: z
    .boolean()
    .default(false)
    .describe("Put the release's images on the host, so that K3s needs no registry to start"),
} as const
