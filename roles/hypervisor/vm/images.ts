import { artifact, artifactPin, TaskError, type Host } from '../../../lib/index.ts'

/** The image of an operating system (files/artifacts.yaml), and what reads its first-boot configuration. */
interface Kind {
  readonly artifact: string
  /** The major version that the image has; undefined: any. */
  readonly version?: string
  readonly firstBoot: 'cloud-init' | 'ignition'
}

const KINDS: Readonly<Record<string, Kind | undefined>> = {
  almalinux: { artifact: 'image-almalinux', version: '9', firstBoot: 'cloud-init' },
  debian: { artifact: 'image-debian', version: '12', firstBoot: 'cloud-init' },
  flatcar: { artifact: 'image-flatcar', firstBoot: 'ignition' },
}

/** The systems that VMs can have. */
export const IMAGES: readonly string[] = Object.entries(KINDS).map(([name, kind]) =>
  [name, kind?.version].filter(Boolean).join(' '),
)

/** undefined: there is no image of the operating system. */
export function imageOf({ name, version }: Host['os']): Kind | undefined {
  const kind = KINDS[name]
  const major = version?.split('.')[0]
  return kind?.version === undefined || major === undefined || major === kind.version
    ? kind
    : undefined
}

/** Throws TaskError if there is no image of the host's operating system. */
export function kindOf({ name, os }: Pick<Host, 'name' | 'os'>): Kind {
  const kind = imageOf(os)
  if (kind) return kind
  throw new TaskError(
    `${name}: there is no image of ${[os.name, os.version].filter(Boolean).join(' ')} to create a VM from`,
    { hint: `use one of: ${IMAGES.join(', ')}` },
  )
}

export interface Image {
  /** `image-almalinux 9.7-20251118` */
  readonly name: string
  /** Its file in the pool. */
  readonly path: string
}

/** The image for a host, in the pool: downloaded once, checked against its sha256, and named with the start of it. */
export async function image(host: Host, pool: string): Promise<Image> {
  const { artifact: name } = kindOf(host)
  const { version, sha256 } = await artifactPin(name)
  const path = `${pool}/${name}-${version.replace(/[^\w.-]/g, '_')}-${sha256.slice(0, 12)}.qcow2`
  await artifact(name, path, {
    mode: '0644',
    trustPresent: true,
    validate: candidate => `qemu-img check -q -f qcow2 -- ${candidate}`,
  })
  return { name: `${name} ${version}`, path }
}
