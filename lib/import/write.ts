import { Document, isMap, isSeq, Scalar, type ScalarTag, type YAMLMap } from 'yaml'
import type { RawInventory } from '../inventory/raw.ts'
import { SecretRef } from '../inventory/secret-ref.ts'

const SECRET: ScalarTag = {
  tag: '!secret',
  identify: value => value instanceof SecretRef,
  createNode: (_, value) =>
    Object.assign(new Scalar((value as SecretRef).name), { tag: '!secret' }),
  resolve: text => text,
}

/** The text of inventory.yaml. It begins with `comment`, given without #. */
export function inventoryYaml(raw: RawInventory, comment: string): string {
  const document = new Document(raw, {
    customTags: [SECRET],
    aliasDuplicateObjects: false,
    logLevel: 'error',
  })
  document.commentBefore = ` ${comment}`
  for (const { key, value } of (document.contents as unknown as YAMLMap).items) {
    const name = (key as Scalar).value
    if (typeof name === 'string' && isMap(value)) {
      ;(key as Scalar).spaceBefore = true
      for (const entry of value.items) inOneLine(entry.value)
    }
  }
  return document.toString({ lineWidth: 100, flowCollectionPadding: true })
}

/** Writes lists of names, `ssh` and each NIC in one line. */
function inOneLine(node: unknown): void {
  if (!isMap(node)) return
  for (const key of ['hosts', 'children', 'ssh']) flow(node.get(key, true))
  const nics = node.get('nics', true)
  if (isSeq(nics)) nics.items.forEach(flow)
}

function flow(node: unknown): void {
  if (isMap(node) || isSeq(node)) node.flow = true
}
