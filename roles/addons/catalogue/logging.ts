import type { KubernetesObject } from '../../shared/kubernetes/chart.ts'
import { claim, defineAddOn, metadata, TLS_ANNOTATIONS } from '../add-on.ts'

const NAMESPACE = 'logging'
/** The version that Elastic's samples of cloud-on-k8s 3.5.0 use. */
const STACK = '9.4.3'

/** Elastic's operator. Elastic ended its charts for the single programs with version 8.5. */
export default defineAddOn({
  name: 'logging',
  title: 'Elasticsearch, Kibana and Filebeat, kept by Elastic’s operator (ECK)',
  namespace: NAMESPACE,
  pods: {
    elasticsearch: { count: 1, cpu: 500, memory: 2048, limit: 2048 },
    kibana: { count: 1, cpu: 100, memory: 1024, limit: 1024 },
    operator: { count: 1, cpu: 50, memory: 150, limit: 512 },
    filebeat: { count: 'node', cpu: 50, memory: 200, limit: 300 },
  },
  volumes: { elasticsearch: { count: 1, gib: 10 } },
  // github.com/elastic/cloud-on-k8s, v3.5.0
  chart: { name: 'eck-operator', repo: 'https://helm.elastic.co', version: '3.5.0' },
  values: ({ resources }) => ({ managedNamespaces: [NAMESPACE], resources: resources.operator }),
  objects: ({ resources, storage, options: { host } }) => [
    elasticsearch(resources.elasticsearch, storage.elasticsearch),
    kibana(resources.kibana),
    ...(host === undefined ? [] : page(host)),
    filebeat(resources.filebeat),
    LIFECYCLE,
    ...FILEBEAT_RIGHTS,
  ],
})

type Resources = Readonly<Record<string, never>> | object

const container = (name: string, resources: Resources) =>
  ({ spec: { containers: [{ name, resources }] } }) as never

/** One node, because Longhorn copies its volume. Without mmap it needs no other kernel parameters on the workers. */
const elasticsearch = (resources: Resources, size: string): KubernetesObject => ({
  apiVersion: 'elasticsearch.k8s.elastic.co/v1',
  kind: 'Elasticsearch',
  metadata: metadata('logs', NAMESPACE),
  spec: {
    version: STACK,
    volumeClaimDeletePolicy: 'DeleteOnScaledownOnly',
    nodeSets: [
      {
        name: 'default',
        count: 1,
        config: { 'node.store.allow_mmap': false },
        podTemplate: container('elasticsearch', resources),
        volumeClaimTemplates: [{ metadata: { name: 'elasticsearch-data' }, spec: claim(size) }],
      },
    ],
  },
})

/** Plain HTTP inside the cluster: Traefik, which ends TLS, would not trust Kibana's own certificate. */
const kibana = (resources: Resources): KubernetesObject => ({
  apiVersion: 'kibana.k8s.elastic.co/v1',
  kind: 'Kibana',
  metadata: metadata('logs', NAMESPACE),
  spec: {
    version: STACK,
    count: 1,
    elasticsearchRef: { name: 'logs' },
    http: { tls: { selfSignedCertificate: { disabled: true } } },
    podTemplate: container('kibana', resources),
  },
})

const page = (host: string): KubernetesObject[] => [
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { ...metadata('kibana', NAMESPACE), annotations: TLS_ANNOTATIONS },
    spec: {
      rules: [
        {
          host,
          http: {
            paths: [
              {
                path: '/',
                pathType: 'Prefix',
                backend: { service: { name: 'logs-kb-http', port: { number: 5601 } } },
              },
            ],
          },
        },
      ],
    },
  },
]

const filebeat = (resources: Resources): KubernetesObject => ({
  apiVersion: 'beat.k8s.elastic.co/v1beta1',
  kind: 'Beat',
  metadata: metadata('logs', NAMESPACE),
  spec: {
    type: 'filebeat',
    version: STACK,
    elasticsearchRef: { name: 'logs' },
    config: {
      // Filebeat writes the policy at each start. With the one node of its cluster a copy has no place.
      setup: {
        ilm: { enabled: true, overwrite: true, policy_file: `${POLICY.dir}/${POLICY.file}` },
        template: { settings: { index: { number_of_replicas: 0 } } },
      },
      filebeat: {
        inputs: [
          {
            type: 'filestream',
            id: 'containers',
            paths: ['/var/log/containers/*.log'],
            parsers: [{ container: {} }],
            prospector: { scanner: { symlinks: true, fingerprint: { enabled: true } } },
            file_identity: { fingerprint: {} },
            processors: [
              {
                add_kubernetes_metadata: {
                  node: '${NODE_NAME}',
                  matchers: [{ logs_path: { logs_path: '/var/log/containers/' } }],
                },
              },
            ],
          },
        ],
      },
    },
    daemonSet: {
      podTemplate: {
        spec: {
          serviceAccountName: 'filebeat',
          // Every node has logs: masters and nodes for storage, too, whatever their taints.
          tolerations: [{ operator: 'Exists' }],
          automountServiceAccountToken: true,
          containers: [
            {
              name: 'filebeat',
              resources: resources as never,
              securityContext: { runAsUser: 0 },
              env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
              volumeMounts: [
                { name: 'containers', mountPath: '/var/log/containers', readOnly: true },
                { name: 'pods', mountPath: '/var/log/pods', readOnly: true },
                { name: 'lifecycle', mountPath: POLICY.dir, readOnly: true },
              ],
            },
          ],
          volumes: [
            { name: 'containers', hostPath: { path: '/var/log/containers' } },
            { name: 'pods', hostPath: { path: '/var/log/pods' } },
            { name: 'lifecycle', configMap: { name: POLICY.name } },
          ],
        },
      },
    },
  },
})

const POLICY = {
  name: 'filebeat-lifecycle',
  dir: '/etc/filebeat-lifecycle',
  file: 'policy.json',
} as const

/**
 * Logs of at least three days; Filebeat's own policy deletes nothing, and the volume has 10 GiB. An index is closed after
 * a day or at 1 GB and deleted three days later (elastic.co, "Index lifecycle actions").
 */
const LIFECYCLE: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadata(POLICY.name, NAMESPACE),
  data: {
    [POLICY.file]: JSON.stringify({
      policy: {
        phases: {
          hot: { actions: { rollover: { max_age: '1d', max_primary_shard_size: '1gb' } } },
          delete: { min_age: '3d', actions: { delete: {} } },
        },
      },
    }),
  },
}

const RBAC = 'rbac.authorization.k8s.io'
const FILEBEAT_RIGHTS: readonly KubernetesObject[] = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('filebeat', NAMESPACE) },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: metadata('fmc-filebeat'),
    rules: [
      {
        apiGroups: [''],
        resources: ['namespaces', 'pods', 'nodes'],
        verbs: ['get', 'list', 'watch'],
      },
      { apiGroups: ['apps'], resources: ['replicasets'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get', 'list', 'watch'] },
    ],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: metadata('fmc-filebeat'),
    subjects: [{ kind: 'ServiceAccount', name: 'filebeat', namespace: NAMESPACE }],
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'fmc-filebeat' },
  },
]
