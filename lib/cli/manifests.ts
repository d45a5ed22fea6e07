import { UsageError } from '../errors.ts'
import { quote } from '../shell/quote.ts'

/** For which system `fmc shard` prints a manifest. */
export const SHARD_KINDS = ['kubernetes', 'github', 'gitlab'] as const
export type ShardKind = (typeof SHARD_KINDS)[number]

/** What a manifest is about. */
export interface ShardJob {
  readonly jobs: number
  /** The words after `fmc`: play site --limit web. */
  readonly words: readonly string[]
  /** Of the project, with Node.js, fmc and an OpenSSH client. */
  readonly image: string
  /** Of the Kubernetes Job, and of the Secret with its keys. */
  readonly name: string
  /** A PersistentVolumeClaim for the records; undefined: they go with the pod. */
  readonly records: string | undefined
}

/** A manifest as data, and what the user has to know of it, for a comment at its top. */
export interface Manifest {
  readonly notes: readonly string[]
  readonly data: object
}

/** Throws UsageError for a command that cannot be split. */
export function demandShardCommand(words: readonly string[]): void {
  const [command = ''] = words
  if (!['play', 'role', 'drift'].includes(command))
    throw new UsageError(`fmc shard splits runs, and ${command || 'this'} is none`, {
      hint: 'fmc shard --jobs 4 -- play site --limit web',
    })
  const refused = words.find(word => /^--(shard|lab|step|ask-become-pass)(=|$)|^-K$/.test(word))
  if (refused !== undefined)
    throw new UsageError(`fmc shard: ${refused} does not go into a manifest`, {
      hint: 'leave it out',
    })
}

export const manifestOf = (kind: ShardKind, job: ShardJob): Manifest => MANIFESTS[kind](job)

const line = (words: readonly string[], part: string, output?: string): string =>
  [
    'npx fmc',
    ...words.map(quote),
    `--shard ${part}`,
    ...(output === undefined || words.some(w => /^--output(=|$)/.test(w)) ? [] : [output]),
  ].join(' ')

const KEYS = '/run/fmc-keys'
const HOME = '/home/fmc'
const STATE = `${HOME}/state`

/** An Indexed Job (batch/v1): pod 0 works on part 1. It keeps the rules of the Pod Security Standard "restricted". */
const kubernetes = ({ jobs, words, image, name, records }: ShardJob): Manifest => ({
  notes: [
    `kubectl create secret generic ${name} --from-file=identity.txt --from-file=id_ed25519 --from-file=known_hosts`,
    `${image} has the project in /project, with node_modules, and an OpenSSH client.`,
    ...(records === undefined
      ? [
          'The records go with the pods; --records CLAIM keeps them on a volume, for fmc runs merge.',
        ]
      : [`${records}: a PersistentVolumeClaim that all pods can write (ReadWriteMany).`]),
  ],
  data: {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      completionMode: 'Indexed',
      completions: jobs,
      parallelism: jobs,
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 1000,
            runAsGroup: 1000,
            fsGroup: 1000,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              name: 'fmc',
              image,
              workingDir: '/project',
              // fmc and ssh refuse keys that the group may read, as it may those of a Secret.
              command: [
                '/bin/sh',
                '-euc',
                [
                  'umask 077',
                  `mkdir -p ${HOME}/.ssh`,
                  `cp ${KEYS}/identity.txt ${HOME}/`,
                  `cp ${KEYS}/id_ed25519 ${KEYS}/known_hosts ${HOME}/.ssh/`,
                  `exec ${line(words, `"$((JOB_COMPLETION_INDEX + 1))/${jobs}"`)}`,
                ].join('\n'),
              ],
              env: [
                { name: 'HOME', value: HOME },
                { name: 'FMC_AGE_IDENTITY', value: `${HOME}/identity.txt` },
                { name: 'FMC_STATE', value: STATE },
                {
                  name: 'FMC_SHARD_KEY',
                  valueFrom: {
                    fieldRef: {
                      fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']",
                    },
                  },
                },
              ],
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
              volumeMounts: [
                { name: 'keys', mountPath: KEYS, readOnly: true },
                { name: 'home', mountPath: HOME },
                { name: 'tmp', mountPath: '/tmp' },
                ...(records === undefined ? [] : [{ name: 'records', mountPath: STATE }]),
              ],
            },
          ],
          volumes: [
            { name: 'keys', secret: { secretName: name, defaultMode: 0o440 } },
            { name: 'home', emptyDir: { medium: 'Memory' } },
            { name: 'tmp', emptyDir: {} },
            ...(records === undefined
              ? []
              : [{ name: 'records', persistentVolumeClaim: { claimName: records } }]),
          ],
        },
      },
    },
  },
})

/** Runs `command` with two secrets of a CI system: the SSH key in an agent of its own, the age identity in a file that is removed. */
const withKeys = (identity: string, key: string, command: string): string =>
  [
    'umask 077',
    'keys=$(mktemp -d)',
    'eval "$(ssh-agent -s)" >/dev/null',
    `trap 'ssh-agent -k >/dev/null; rm -rf "$keys"' EXIT`,
    `printf '%s\n' "${key}" | ssh-add -q -`,
    `printf '%s\n' "${identity}" >"$keys/identity.txt"`,
    `FMC_AGE_IDENTITY="$keys/identity.txt" ${command}`,
  ].join('\n')

const github = ({ jobs, words }: ShardJob): Manifest => ({
  notes: [
    '.github/workflows/fmc.yaml. The runner must reach the hosts; the secrets are FMC_AGE_IDENTITY and FMC_SSH_KEY.',
    'The records of all parts: gh run download, then fmc runs merge.',
  ],
  data: {
    name: 'fmc',
    on: { workflow_dispatch: {} },
    permissions: { contents: 'read' },
    concurrency: { group: 'fmc', 'cancel-in-progress': false },
    jobs: {
      fmc: {
        'runs-on': 'self-hosted',
        strategy: {
          'fail-fast': false,
          matrix: { shard: Array.from({ length: jobs }, (_, i) => i + 1) },
        },
        steps: [
          { uses: 'actions/checkout@v4' },
          { uses: 'actions/setup-node@v4', with: { 'node-version': 22 } },
          { run: 'npm ci' },
          {
            name: 'fmc',
            run: withKeys(
              '$IDENTITY',
              '$SSH_KEY',
              line(words, `\${{ matrix.shard }}/${jobs}`, '--output github'),
            ),
            env: {
              IDENTITY: '${{ secrets.FMC_AGE_IDENTITY }}',
              SSH_KEY: '${{ secrets.FMC_SSH_KEY }}',
              FMC_STATE: '${{ runner.temp }}/state',
            },
          },
          {
            if: 'always()',
            uses: 'actions/upload-artifact@v4',
            with: {
              name: 'fmc-records-${{ matrix.shard }}',
              path: '${{ runner.temp }}/state/fmc/runs',
            },
          },
        ],
      },
    },
  },
})

const gitlab = ({ jobs, words, image }: ShardJob): Manifest => ({
  notes: [
    '.gitlab-ci.yml. The runner must reach the hosts; FMC_IDENTITY and FMC_SSH_KEY are masked variables.',
    'The records of all parts are artifacts: fmc runs merge.',
  ],
  data: {
    fmc: {
      image,
      parallel: jobs,
      resource_group: 'fmc-$CI_NODE_INDEX',
      variables: { FMC_STATE: '$CI_PROJECT_DIR/state' },
      script: [
        'npm ci',
        withKeys(
          '$FMC_IDENTITY',
          '$FMC_SSH_KEY',
          line(words, '"$CI_NODE_INDEX/$CI_NODE_TOTAL"', '--output junit >fmc.xml'),
        ),
      ],
      artifacts: {
        when: 'always',
        paths: ['state/fmc/runs'],
        reports: { junit: 'fmc.xml' },
      },
    },
  },
})

const MANIFESTS: Readonly<Record<ShardKind, (job: ShardJob) => Manifest>> = {
  kubernetes,
  github,
  gitlab,
}
