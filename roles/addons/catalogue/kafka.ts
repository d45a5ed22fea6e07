import { LABELS } from '../../shared/kubernetes/chart.ts'
import { defineAddOn, metadata, STORAGE_CLASS } from '../add-on.ts'

const NAMESPACE = 'kafka'
const CLUSTER = 'kafka'

/** Three nodes that are broker and controller at once, so that one worker can be drained. */
export default defineAddOn({
  name: 'kafka',
  title: 'Apache Kafka, kept by Strimzi',
  namespace: NAMESPACE,
  pods: {
    kafka: { count: 3, cpu: 200, memory: 1024, limit: 1536 },
    operator: { count: 1, cpu: 100, memory: 384, limit: 384 },
    topics: { count: 1, cpu: 50, memory: 256, limit: 384 },
  },
  volumes: { kafka: { count: 3, gib: 5 } },
  kinds: true,
  // github.com/strimzi/strimzi-kafka-operator, tag 1.2.0
  chart: { name: 'oci://quay.io/strimzi-helm/strimzi-kafka-operator', version: '1.2.0' },
  values: ({ resources, options: { clusterDomain } }) => ({
    resources: resources.operator,
    kubernetesServiceDnsDomain: clusterDomain,
  }),
  objects: ({ resources, storage }) => [
    {
      apiVersion: 'kafka.strimzi.io/v1',
      kind: 'KafkaNodePool',
      metadata: {
        ...metadata('nodes', NAMESPACE),
        labels: { ...LABELS, 'strimzi.io/cluster': CLUSTER },
      },
      spec: {
        replicas: 3,
        roles: ['controller', 'broker'],
        resources: resources.kafka,
        jvmOptions: { '-Xms': '512m', '-Xmx': '512m' },
        storage: {
          type: 'jbod',
          volumes: [
            {
              id: 0,
              type: 'persistent-claim',
              class: STORAGE_CLASS,
              size: storage.kafka,
              deleteClaim: false,
              kraftMetadata: 'shared',
            },
          ],
        },
      },
    },
    {
      apiVersion: 'kafka.strimzi.io/v1',
      kind: 'Kafka',
      metadata: metadata(CLUSTER, NAMESPACE),
      spec: {
        kafka: {
          version: '4.3.1',
          metadataVersion: '4.3-IV0',
          listeners: [
            { name: 'plain', port: 9092, type: 'internal', tls: false },
            { name: 'tls', port: 9093, type: 'internal', tls: true },
          ],
          config: {
            'offsets.topic.replication.factor': 3,
            'transaction.state.log.replication.factor': 3,
            'transaction.state.log.min.isr': 2,
            'default.replication.factor': 3,
            'min.insync.replicas': 2,
          },
        },
        entityOperator: { topicOperator: { resources: resources.topics } },
      },
    },
  ],
})
