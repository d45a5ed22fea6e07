import { z } from '../../lib/index.ts'
import { commonVars } from '../shared/k3s/vars.ts'
import { WORKERS } from '../shared/k3s/workers.ts'

const version = z.string().regex(/^\d+\.\d+\.\d+$/, 'expected a version such as 1.12.1')

export const vars = z.object({
  k3s_version: commonVars.k3s_version,
  longhorn_version: version
    .default('1.12.1')
    .describe(
      'Version of chart and program; upgrade one minor at a time. 1.12 supports Kubernetes up to 1.36',
    ),
  longhorn_nodes: z
    .string()
    .min(1)
    .default(WORKERS)
    .describe(
      'Pattern of the hosts whose data disk holds volumes; without such hosts the role does nothing',
    ),
  longhorn_disk: z.string().default('data').describe("Name of that disk in the host's `disks`"),
  longhorn_label: z
    .string()
    .regex(/^[\w.-]{1,16}$/, 'expected at most 16 letters, digits, _, . and -')
    .default('longhorn')
    .describe('Label of the ext4 file system on it, by which it is mounted'),
  longhorn_replicas: z
    .int()
    .min(1)
    .max(20)
    .default(3)
    .describe(
      'Copies of each volume, on different nodes; with a single copy no node can be drained',
    ),
  longhorn_nfs: z
    .strictObject({
      server: z.string().min(1).describe('Host of the inventory that exports it'),
      path: z.string().regex(/^(\/[\w.-]+)+$/, 'expected an absolute path'),
    })
    .optional()
    .describe(
      'Share for volumes that many pods write to; without it there is no storage class nfs',
    ),
  longhorn_nfs_driver_version: version
    .default('4.13.4')
    .describe('Version of the chart csi-driver-nfs, the driver for the share'),
})

export type Vars = z.output<typeof vars>
