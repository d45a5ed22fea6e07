import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A place in a file, counted from 1; line 0: the file as a whole. */
export interface FilePlace {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** What one result says. */
export interface SarifResult {
  readonly rule: string
  readonly level: 'error' | 'warning' | 'note' | 'none'
  readonly text: string
  readonly place?: FilePlace | undefined
  readonly related?: (FilePlace & { readonly message: string }) | undefined
  /** The host. */
  readonly host?: string | undefined
  /** Stays the same from run to run, so that a viewer shows a result once. */
  readonly fingerprint?: string | undefined
}

/** Who writes the log, and what its rules mean, by id. */
export interface SarifTool {
  readonly name: string
  readonly version: string
  readonly rules: Readonly<Record<string, string>>
  /** Files below this directory are named relative to it. */
  readonly cwd: string
}

/** A log of the Static Analysis Results Interchange Format 2.1.0 (OASIS standard, docs.oasis-open.org/sarif/sarif/v2.1.0). */
export const sarifLog = (results: readonly SarifResult[], tool: SarifTool): object => {
  const ids = Object.keys(tool.rules)
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: tool.name,
            ...(tool.version === '' ? {} : { version: tool.version }),
            rules: ids.map(id => ({ id, shortDescription: { text: tool.rules[id] } })),
          },
        },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: {
          SRCROOT: { uri: `${pathToFileURL(tool.cwd).href.replace(/\/$/, '')}/` },
        },
        results: results.map(one => ({
          ruleId: one.rule,
          ruleIndex: ids.indexOf(one.rule),
          ...(one.level === 'none' ? { kind: 'pass' } : {}),
          level: one.level,
          message: { text: one.text },
          ...locations(one, tool.cwd),
          ...(one.related && {
            relatedLocations: [
              { ...physical(one.related, tool.cwd), message: { text: one.related.message } },
            ],
          }),
          ...(one.fingerprint === undefined
            ? {}
            : { partialFingerprints: { 'fmc/v1': one.fingerprint } }),
        })),
      },
    ],
  }
}

const locations = ({ place, host }: SarifResult, cwd: string): object => {
  if (!place && host === undefined) return {}
  const logical = host === undefined ? {} : { logicalLocations: [{ name: host, kind: 'resource' }] }
  return { locations: [{ ...(place && physical(place, cwd)), ...logical }] }
}

/** A file below the directory of the command as a relative reference; any other one by its full URI. */
const physical = ({ file, line, column }: FilePlace, cwd: string): object => {
  const path = shownFile(file, cwd)
  const artifactLocation = path.startsWith('/')
    ? { uri: pathToFileURL(path).href }
    : { uri: path.split('/').map(encodeURIComponent).join('/'), uriBaseId: 'SRCROOT' }
  const region = line > 0 ? { region: { startLine: line, startColumn: Math.max(1, column) } } : {}
  return { physicalLocation: { artifactLocation, ...region } }
}

/** A file as seen from the directory of the command, which in CI is that of the repository. */
export const shownFile = (file: string, cwd: string): string => {
  const path = relative(cwd, resolve(cwd, file))
  return path.startsWith('..') ? resolve(cwd, file) : path
}
