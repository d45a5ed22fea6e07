import { helmChart, LABELS, type KubernetesObject } from '../shared/kubernetes/chart.ts'
import type { Vars } from './vars.ts'

export const DISK = '/mnt/longhorn-disk'
export const NAMESPACE = 'longhorn-system'
/** Of the disk in nodes.longhorn.io. */
export const DISK_NAME = 'fmc-data'

/** Longhorn makes these disks on a node that has none yet, and never looks again (longhorn.io, "Default disks"). */
export const NODE_LABELS = { 'node.longhorn.io/create-default-disk': 'config' } as const
export const NODE_ANNOTATIONS = {
  'node.longhorn.io/default-disks-config': JSON.stringify([
    { name: DISK_NAME, path: DISK, allowScheduling: true },
  ]),
} as const

/** iscsid's name of this node: cloned disks must not share one (open-iscsi README). */
export const initiatorName = (host: string, domain: string): string =>
  `# Managed by fmc\nInitiatorName=iqn.2004-10.${domain.split('.').reverse().join('.')}:${host}\n`

/** Longhorn with its storage class, the cluster's default. The disks are the nodes' own, so little of them stays free. */
export const longhorn = (vars: Vars): KubernetesObject =>
  helmChart({
    name: 'longhorn',
    chart: 'longhorn',
    repo: 'https://charts.longhorn.io',
    version: vars.longhorn_version,
    namespace: NAMESPACE,
    values: {
      defaultSettings: {
        createDefaultDiskLabeledNodes: true,
        defaultDataPath: DISK,
        nodeDrainPolicy: 'block-if-contains-last-replica',
        storageMinimalAvailablePercentage: 10,
        upgradeChecker: false,
        allowCollectingLonghornUsageMetrics: false,
      },
      persistence: {
        defaultClass: true,
        defaultClassReplicaCount: vars.longhorn_replicas,
        defaultFsType: 'ext4',
        reclaimPolicy: 'Delete',
      },
      longhornUI: { replicas: 1 },
    },
  })

export const nfsDriver = (vars: Vars): KubernetesObject =>
  helmChart({
    name: 'csi-driver-nfs',
    chart: 'csi-driver-nfs',
    repo: 'https://kubernetes-csi.github.io/csi-driver-nfs',
    version: vars.longhorn_nfs_driver_version,
    namespace: 'kube-system',
    values: { controller: { replicas: 1 } },
  })

/** The server's root is nobody on the share: a volume's directory must be writable for whatever user a pod has. */
export const nfsClass = (server: string, share: string): KubernetesObject => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'nfs', labels: LABELS },
  provisioner: 'nfs.csi.k8s.io',
  parameters: {
    server,
    share,
    subDir: '${pvc.metadata.namespace}-${pvc.metadata.name}-${pv.metadata.name}',
    mountPermissions: '0777',
  },
  mountOptions: ['nfsvers=4.2', 'noatime'],
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'Immediate',
  allowVolumeExpansion: true,
})
