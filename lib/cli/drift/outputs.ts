import { accessSync, constants } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UsageError } from '../../errors.ts'
import { safeJson } from '../../text/sanitise.ts'
import { writeWholeFile } from '../../whole-file.ts'
import { totals, type Found } from './found.ts'

/** The files of a check. */
export interface OutputFiles {
  readonly statusFile?: string
  readonly prometheus?: string
}

/** What they say. */
export interface Result {
  readonly name: string
  readonly found: Found
  readonly ms: number
  readonly exitCode: number
  /** ISO 8601. */
  readonly at: string
}

/** Writes the files that the options name, each in one step. Throws UsageError. */
export function writeOutputs(o: OutputFiles, result: Result): void {
  if (o.statusFile !== undefined) replaceFile('--status-file', o.statusFile, statusText(result))
  if (o.prometheus !== undefined) replaceFile('--prometheus', o.prometheus, metrics(result))
}

/** clean, drifted, unknown or failed: the worst of all hosts. */
export function statusOf(found: Found): 'clean' | 'drifted' | 'failed' | 'unknown' {
  const t = totals(found)
  return t.failed > 0 ? 'failed' : t.drifted > 0 ? 'drifted' : t.unknown > 0 ? 'unknown' : 'clean'
}

/**
 * One flat JSON object: Homepage's customapi widget names its keys in `mappings`, and a condition of Gatus is
 * `[BODY].status == clean`.
 */
export function statusText({ name, found, ms, exitCode, at }: Result): string {
  const { clean, drifted, failed, unknown, tasks } = totals(found)
  const names = (states: readonly string[]): string =>
    found.hosts
      .filter(h => states.includes(h.state))
      .map(h => h.host)
      .join(', ')
  return `${safeJson(
    {
      status: statusOf(found),
      playbook: name,
      checked: at,
      seconds: Math.round(ms) / 1000,
      hosts: found.hosts.length,
      hosts_clean: clean,
      hosts_drifted: drifted,
      hosts_failed: failed,
      hosts_unknown: unknown,
      tasks_drifted: tasks,
      drifted: names(['drifted']),
      unknown: names(['unknown']),
      failed: names(['failed']),
      exit_code: exitCode,
    },
    2,
  )}\n`
}

/** A label's value (Prometheus text format 0.0.4: backslash, double quote and line feed are escaped). */
const label = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

const sample = (name: string, labels: Readonly<Record<string, string>>, value: number): string =>
  `${name}{${Object.entries(labels)
    .map(([key, text]) => `${key}="${label(text)}"`)
    .join(',')}} ${value}`

/**
 * For node_exporter's textfile collector: https://prometheus.io/docs/instrumenting/exposition_formats/. An unknown role of a host
 * has no count of tasks, so that it does not look clean.
 */
export function metrics({ name: playbook, found, ms, at }: Result): string {
  const family = (name: string, help: string, samples: readonly string[]): string[] => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...samples,
  ]
  const states = ['clean', 'drifted', 'failed', 'unknown'] as const
  return [
    ...family(
      'fmc_drift_tasks',
      'Tasks of a role whose state on a host differs from the declared one.',
      found.hosts.flatMap(h =>
        h.cells
          .filter(c => c.state === 'clean' || c.state === 'drifted')
          .map(c =>
            sample('fmc_drift_tasks', { playbook, host: h.host, role: c.role }, c.drift.length),
          ),
      ),
    ),
    ...family(
      'fmc_drift_host_state',
      'The state of a host: 1 for the one that it is in.',
      found.hosts.flatMap(h =>
        states.map(state =>
          sample(
            'fmc_drift_host_state',
            { playbook, host: h.host, state },
            h.state === state ? 1 : 0,
          ),
        ),
      ),
    ),
    ...family('fmc_drift_check_duration_seconds', 'How long the last check took.', [
      sample('fmc_drift_check_duration_seconds', { playbook }, Math.round(ms) / 1000),
    ]),
    ...family('fmc_drift_check_timestamp_seconds', 'When the last check ended, in Unix time.', [
      sample('fmc_drift_check_timestamp_seconds', { playbook }, Date.parse(at) / 1000),
    ]),
    '',
  ].join('\n')
}

/** Writes a file that other users may read. Throws UsageError. */
function replaceFile(option: string, file: string, text: string): void {
  try {
    writeWholeFile(file, text, { mode: 0o644 })
  } catch (error) {
    throw new UsageError(
      `${option} ${file}: cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

/** Throws UsageError for a file that could not be written, before any host is asked. */
export function demandOutputs({ statusFile, prometheus }: OutputFiles): void {
  if (prometheus !== undefined && !prometheus.endsWith('.prom'))
    throw new UsageError(
      `--prometheus ${prometheus}: expected a name that ends with .prom; node_exporter reads no other`,
      { hint: 'fmc drift --prometheus /var/lib/node_exporter/textfile_collector/fmc-drift.prom' },
    )
  for (const [option, file] of [
    ['--status-file', statusFile],
    ['--prometheus', prometheus],
  ] as const) {
    if (file === undefined) continue
    try {
      accessSync(dirname(resolve(file)), constants.W_OK)
    } catch {
      throw new UsageError(`${option} ${file}: its directory is missing or cannot be written`)
    }
  }
}
