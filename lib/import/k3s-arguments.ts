/** The options of `k3s server` and `k3s agent` (docs.k3s.io/cli/server) as variables of fmc's roles. */
import { parse } from 'yaml'
import type { RawValue } from '../inventory/raw.ts'

export interface K3sArguments {
  /** Variables of the roles k3s-server and k3s-agent. */
  readonly vars: Readonly<Record<string, RawValue>>
  /** Names of the options that fmc has no variable for, without their values. */
  readonly unknown: readonly string[]
}

const SINGLE: Readonly<Record<string, string>> = {
  'cluster-cidr': 'k3s_cluster_cidr',
  'service-cidr': 'k3s_service_cidr',
  'cluster-dns': 'k3s_cluster_dns',
  'cluster-domain': 'k3s_cluster_domain',
  'flannel-backend': 'k3s_flannel_backend',
  'etcd-snapshot-schedule-cron': 'k3s_snapshot_cron',
}
const LISTS: Readonly<Record<string, string>> = {
  disable: 'k3s_disable',
  'tls-san': 'k3s_tls_san',
  'node-taint': 'k3s_node_taints',
}
/** What fmc does anyway. */
const ALREADY = new Set(['cluster-init', 'node-ip', 'node-name', 'server', 'flannel-iface'])
const JINJA = '\u0000'

/** Reads options: a text, a list of texts, or the text of K3s's own config.yaml. Options whose value is a Jinja expression are unknown. */
export function k3sArguments(given: readonly unknown[]): K3sArguments {
  const vars: Record<string, RawValue> = {}
  const unknown = new Set<string>()
  for (const [option, value] of given.flatMap(optionsOf)) {
    const list = LISTS[option]
    const single = SINGLE[option]
    const values = value.split(',').map(text => text.trim())
    if (value.includes(JINJA)) unknown.add(`--${option} (a Jinja expression)`)
    else if (list !== undefined)
      vars[list] = [...((vars[list] as string[] | undefined) ?? []), ...values]
    else if (single !== undefined) vars[single] = value
    else if (option === 'etcd-snapshot-retention') vars['k3s_snapshot_retention'] = Number(value)
    else if (option === 'secrets-encryption') vars['k3s_secrets_encryption'] = value !== 'false'
    else if (option === 'node-label')
      vars['k3s_node_labels'] = {
        ...(vars['k3s_node_labels'] as Record<string, RawValue> | undefined),
        ...Object.fromEntries(
          values.map(text => [text.split('=')[0] ?? '', text.split('=').slice(1).join('=')]),
        ),
      }
    else if (!ALREADY.has(option)) unknown.add(`--${option}`)
  }
  return { vars, unknown: [...unknown] }
}

function optionsOf(given: unknown): [option: string, value: string][] {
  if (Array.isArray(given)) return given.flatMap(optionsOf)
  if (typeof given !== 'string') return []
  const text = given.replace(/\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}/gs, JINJA)
  if (/^\s*[\w-]+:(\s|$)/m.test(text) && !/^\s*--/.test(text)) return fromConfig(text)
  const words = text.match(/"[^"]*"|'[^']*'|[^\s"']+(?:"[^"]*"|'[^']*')*/g) ?? []
  const plain = words.map(word => word.replace(/["']/g, ''))
  const found: [string, string][] = []
  for (let at = 0; at < plain.length; at++) {
    const [, option, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(plain[at] ?? '') ?? []
    if (option === undefined) continue
    const next = plain[at + 1]
    if (value !== undefined) found.push([option, value])
    else if (next === undefined || next.startsWith('--')) found.push([option, 'true'])
    else found.push([option, plain[++at] ?? ''])
  }
  return found
}

/** The text of config.yaml, whose keys are the options. */
function fromConfig(text: string): [string, string][] {
  let config: unknown
  try {
    // By default the library prints warnings, which quote the text.
    config = parse(text.replaceAll(JINJA, `"${JINJA}"`).replaceAll(`""${JINJA}""`, `"${JINJA}"`), {
      logLevel: 'error',
    })
  } catch {
    return []
  }
  if (typeof config !== 'object' || config === null) return []
  return Object.entries(config).flatMap(([option, value]: [string, unknown]) =>
    (Array.isArray(value) ? value : [value]).map((item: unknown): [string, string] => [
      option,
      String(item),
    ]),
  )
}
