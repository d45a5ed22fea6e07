import { hostJson, TaskError, z } from '../../../lib/index.ts'
import type { Guest } from './guest.ts'
import type { Element } from '../host/xml.ts'

/** fmc's notes in a domain's metadata, by which it later sees what has changed. */
export interface Notes {
  /** When fmc created the domain, in ms since 1970 by the controller's clock. */
  readonly created: number
  readonly image: string
  readonly guest: Guest
  /** Only if the inventory sets them: the default differs from user to user. */
  readonly authorized?: readonly string[] | undefined
  /** Disk sizes in GB, by file. */
  readonly disks: Readonly<Record<string, number>>
}

const strings = z.array(z.string())
const nic = z.looseObject({
  device: z.string(),
  mac: z.string(),
  address: z.string(),
  gateway: z.string().optional(),
  routes: z.array(z.looseObject({ to: z.string(), via: z.string() })),
})
const schema: z.ZodType<Notes> = z.looseObject({
  created: z.number(),
  image: z.string(),
  guest: z.looseObject({
    name: z.string(),
    domain: z.string(),
    user: z.string(),
    nics: z.array(nic),
    dns: strings,
  }),
  authorized: strings.optional(),
  disks: z.record(z.string(), z.number()),
})

export const NAMESPACE = 'urn:fmc:machine'

/** The notes in a domain's metadata; undefined: there are none, or not in the form that fmc writes. */
export function readNotes(metadata: Element): Notes | undefined {
  const own = metadata.children.find(
    e => e.name.endsWith(':machine') && Object.values(e.attributes).includes(NAMESPACE),
  )
  try {
    return own && hostJson('virsh', 'the notes of a domain', own.text, schema)
  } catch (error) {
    if (error instanceof TaskError) return undefined
    throw error
  }
}
