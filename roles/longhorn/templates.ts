import { helmChart, LABELS, type KubernetesObject } from '../shared/kubernetes/chart.ts'
import type { Vars } from './vars.ts'

/** Where the data disk is mounted. */
export const DISK = '/mnt/longhorn-disk'
/** Namespace of everything that Longhorn runs. */
export const NAMESPACE = 'longhorn-system'
/** Name of the disk in nodes.longhorn.io. */
const DISK_NAME = 'fmc-data'

/** Longhorn makes these disks on a node that has none yet, and never looks again (longhorn.io, "Default disks"). */
export const NODE_LABELS = { 'node.longhorn.io/create-default-disk': 'config' } as const
export const NODE_ANNOTATIONS = {
  'node.longhorn.io/default-disks-config': JSON.stringify([
    { name: DISK_NAME, path: DISK, allowScheduling: true },
  ]),
} as const

/** The file with iscsid's initiator name: each node needs its own, also after a disk was cloned (open-iscsi README). */
export const initiatorName = (host: string, domain: string): string =>
  `# Managed by fmc\nInitiatorName=iqn.2004-10.${domain.split('.').reverse().join('.')}:${host}\n`

/** Longhorn with its storage class, the cluster's default. Only Longhorn uses the disks, so it keeps little of them free. */
export const longhorn = (vars: Vars): KubernetesObject =>
  helmChart({
    name: 'longhorn',
    chart: 'longhorn',
    repo: 'https://charts.longhorn.io',
    version: vars.longhorn_version,
    namespace: NAMESPACE,
    k3s: vars.k3s_version,
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

/** The driver of the storage class nfs. */
export const nfsDriver = (vars: Vars): KubernetesObject =>
  helmChart({
    name: 'csi-driver-nfs',
    chart: 'csi-driver-nfs',
    repo: 'https://kubernetes-csi.github.io/csi-driver-nfs',
    version: vars.longhorn_nfs_driver_version,
    namespace: 'kube-system',
    k3s: vars.k3s_version,
    // Its snapshotter needs kinds that K3s does not have.
    values: { controller: { replicas: 1, enableSnapshotter: false } },
  })

/** The storage class nfs. The share squashes root, so a volume's directory must be writable for any user of a pod. */
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
