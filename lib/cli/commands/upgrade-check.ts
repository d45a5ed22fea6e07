import { EXIT } from '../../errors.ts'
import { jsonLines } from '../json-lines.ts'
import { inventoryOption, outputOption, type AddCommand } from '../options.ts'
import { print } from '../print.ts'
import type { Difference } from '../project/upgrade.ts'

interface Options {
  readonly inventory: string
  readonly output?: 'plain' | 'json'
}

/** `fmc upgrade-check PACKAGE`: what a newer fmc changes for this project. */
export const upgradeCheck: AddCommand = (program, run) => {
  program
    .command('upgrade-check <package>')
    .description(
      'say what another version of fmc changes for this project: its directory, or a tarball of npm pack. Asks no host',
    )
    .addOption(inventoryOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExamples:\n  fmc upgrade-check ./fmc-0.2.0.tgz\n  fmc upgrade-check ../other-cloud/node_modules/fmc\n\nExit code 1: the project would not work as it is.',
    )
    .action((path: string, o: Options) => run(check(path, o)))
}

async function check(path: string, o: Options): Promise<number> {
  const [{ offerOf, withFmc }, { differences }, { readInventory }, { packageRoot }] =
    await Promise.all([
      import('../project/other-fmc.ts'),
      import('../project/upgrade.ts'),
      import('../../inventory/load.ts'),
      import('../paths.ts'),
    ])
  const { raw, source } = await readInventory(o.inventory)
  const layers = [
    ['all', raw?.all] as const,
    ...entries('groups', raw?.groups),
    ...entries('hosts', raw?.hosts),
  ]
  const used = new Map<string, string>()
  for (const [place, layer] of layers)
    for (const name of Object.keys(layer?.vars ?? {})) {
      const at = source.problem({
        severity: 'warning',
        path: [...place.split('\0'), 'vars', name],
        key: true,
        message: '',
      })
      if (!used.has(name)) used.set(name, `${at.file}:${at.line}`)
    }
  const now = await offerOf(packageRoot(), o.inventory)
  const next = await withFmc(path, root => offerOf(root, o.inventory))
  const found = differences(now, next, used)
  if (o.output === 'json')
    jsonLines([
      { type: 'versions', now: now.version, next: next.version },
      ...found.map(d => ({ type: 'difference', ...d })),
    ])
  else print(page(`fmc ${now.version} → ${next.version}`, found))
  return found.some(({ level }) => level === 'breaks') ? EXIT.usage : EXIT.ok
}

const entries = <T>(kind: string, all: Readonly<Record<string, T>> | undefined): [string, T][] =>
  Object.entries(all ?? {}).map(([name, value]) => [`${kind}\0${name}`, value])

const TITLES: Readonly<Record<Difference['level'], string>> = {
  breaks: 'This project does not work with it as it is:',
  matters: 'What this project uses and what changes:',
  other: 'What else changes:',
}

function page(title: string, found: readonly Difference[]): string {
  if (found.length === 0) return `${title}: nothing changes for this project`
  const section = (level: Difference['level']): string[] => {
    const those = found.filter(d => d.level === level)
    if (those.length === 0) return []
    return ['', TITLES[level], ...those.map(({ subject, text }) => `  ${subject}: ${text}`)]
  }
  return [
    title,
    ...section('breaks'),
    ...section('matters'),
    ...section('other'),
    '',
    'Compared: variables of roles, playbooks, pinned downloads, lint, and whether your code loads.',
    'What a role does on a host: fmc play PLAYBOOK --dry-run --diff, after the upgrade.',
  ].join('\n')
}
