import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Test } from 'tap'
import { convert, type ConvertOptions } from '../../lib/import/convert.ts'
import { lint } from '../../lib/inventory/lint.ts'
import { inventoryYaml } from '../../lib/import/write.ts'
import { SecretRef } from '../../lib/inventory/secret-ref.ts'
import { readAnsible } from '../../lib/import/read.ts'

/** Writes files into a directory of this test; gives the path of the first. */
export function files(t: Test, content: Readonly<Record<string, string>>): string {
  const dir = t.testdir({})
  for (const [name, text] of Object.entries(content)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return join(dir, Object.keys(content)[0] ?? '')
}

/**
 * What an Ansible inventory becomes, secrets as `!secret name`; remarks as `file:line: key: why`. The inventory is the first
 * file, or `inventory`.
 */
export function imported(
  t: Test,
  content: Readonly<Record<string, string>>,
  {
    playbookDir,
    inventory,
    ...options
  }: ConvertOptions & { playbookDir?: string | undefined; inventory?: string | undefined } = {},
) {
  const first = files(t, content)
  const root = first.slice(0, first.length - (Object.keys(content)[0]?.length ?? 0))
  const file = inventory === undefined ? first : join(root, inventory)
  const { raw, remarks, secrets, stanzas, project } = convert(
    readAnsible(file, {
      from: options.from,
      playbookDir: playbookDir === undefined ? undefined : join(root, playbookDir),
    }),
    options,
  )
  const plain = JSON.parse(
    JSON.stringify(raw, function (this: Record<string, unknown>, key, value: unknown) {
      const own = this[key]
      return own instanceof SecretRef ? `!secret ${own.name}` : value
    }),
  ) as Record<
    'all' | 'groups' | 'hosts' | 'networks' | 'vips',
    Record<string, Record<string, unknown>>
  > & { readonly timezone: string }
  return {
    ...plain,
    ...{ secrets, stanzas, project },
    /** The text that is written. */
    text: inventoryYaml(raw, 'test'),
    /** What fmc lint says of the text that is written. */
    lint: async () =>
      (await lint(file, { text: Buffer.from(inventoryYaml(raw, 'test')) })).map(p => p.message),
    remarks: remarks.map(r => `${relative(root, r.file)}:${r.line}: ${r.key}: ${r.why}`),
  }
}
