import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { TaskError } from '../../../lib/errors.ts'
import { Secret } from '../../../lib/secrets/secret.ts'
import { mergedInto, pointedTo } from '../../../roles/kubeconfig/kubeconfig.ts'
import { target, unlessRejected, type Target } from '../harness.ts'
import { jsonMutants } from '../json.ts'
import { mutants } from '../text.ts'

/** As K3s writes it, with certificates and a key that are some. */
const KUBE = JSON.stringify(
  parse(readFileSync(join(import.meta.dirname, '../../fixtures/k3s.yaml'), 'utf8')),
)
const KUBES = [
  KUBE,
  KUBE.replace('"client-key-data"', '"exec"'),
  `clusters: []\nusers: [{name: a, user: {exec: {command: id}}}]\n`,
]
const THREE = new Set([
  'certificate-authority-data',
  'client-certificate-data',
  'client-key-data',
  'server',
])

/** Whatever the server's file says, three base64 texts and our server come of it, and nothing that kubectl would run or obey. */
const kubeconfig = target(
  'kubeconfig/pointed',
  fc.oneof(mutants(KUBES), jsonMutants(KUBES.slice(0, 2).map(k => JSON.parse(k) as unknown))),
  async text => {
    const made = await unlessRejected([TaskError], () =>
      pointedTo(new Secret(text, 'k3s.yaml'), 'https://vip:6443', 'cloud'),
    )
    if (made === undefined) return
    const config = parse(made.reveal()) as {
      clusters: { cluster: object }[]
      users: { user: object }[]
    }
    const fields = [
      ...Object.entries(config.clusters[0]?.cluster ?? {}),
      ...Object.entries(config.users[0]?.user ?? {}),
    ]
    for (const [key, value] of fields) {
      ok(THREE.has(key), `${key} came from the server`)
      if (key === 'server') deepStrictEqual(value, 'https://vip:6443')
      else
        ok(
          typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value),
          `${key}: ${String(value)}`,
        )
    }
  },
  {
    weight: 0.3,
    examples: [
      KUBES[1] ?? '',
      KUBE.replace(
        '"client-certificate-data"',
        '"exec":{"command":"id"},"client-certificate-data"',
      ),
      KUBE.replace('"server"', '"proxy-url":"http://x","server"'),
      KUBE.replace('"server"', '"insecure-skip-tls-verify":true,"server"'),
      KUBE.replace(/"LS0t[^"]*"/, '{"a":1}'),
    ],
  },
)

const THEIRS = [
  'clusters: []\ncontexts: # mine\n- {name: x, context: {cluster: y}}\nusers:\n- name: cloud\n  user: {}\n',
  KUBE,
]
const merged = target(
  'kubeconfig/merged',
  mutants(THEIRS),
  async text => {
    const ours = await pointedTo(new Secret(KUBE, 'k'), 'https://vip:6443', 'cloud')
    const made = await unlessRejected([TaskError], () => mergedInto('config', text, ours))
    if (made === undefined) return
    const again = await mergedInto('config', made.reveal(), ours)
    deepStrictEqual(again.reveal(), made.reveal(), 'the second time changes it again')
  },
  {
    weight: 0.2,
    examples: ['users:\n-', 'clusters: [null]\n', 'contexts: [1]\n', 'clusters: {}\n'],
  },
)

export const kubeconfigs: readonly Target[] = [kubeconfig, merged]
