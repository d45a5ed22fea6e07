import { absent, artifact, directory, file, unit, type Result } from '../../../lib/index.ts'
import { dirname } from 'node:path/posix'
import { CONFIG_DIR, DATA_DIR, type Platform } from './platform.ts'
import { k3sUnit } from './unit.ts'
import { registriesYaml } from './config-yaml.ts'

interface Install {
  readonly kind: 'server' | 'agent'
  readonly platform: Platform
  readonly vars: {
    readonly k3s_version: string
    readonly k3s_airgap_images: boolean
    readonly k3s_registries?: Readonly<Record<string, unknown>> | undefined
  }
  /** Handlers to notify when something changes that K3s reads only at its start. */
  readonly notify: readonly string[]
}

const IMAGES = `${DATA_DIR}/agent/images`

/** Program, unit, registries and images: the same for servers and agents. true: something changed, so K3s must restart. */
export async function install({
  kind,
  platform,
  vars,
  notify: restart,
}: Install): Promise<boolean> {
  const version = vars.k3s_version
  const notify = [...(platform.selinux ? ['label k3s'] : []), ...restart]
  const results: Result[] = []
  await directory(dirname(platform.binary))
  results.push(await artifact('k3s', platform.binary, { version, notify, validate: runs(version) }))
  if (vars.k3s_airgap_images) {
    await directory(IMAGES)
    const images = `${IMAGES}/k3s-airgap-images.tar.zst`
    results.push(await artifact('k3s-airgap-images', images, { version, mode: '0644', notify }))
  }
  await directory(CONFIG_DIR)
  const registries = `${CONFIG_DIR}/registries.yaml`
  results.push(
    vars.k3s_registries === undefined
      ? await absent(registries, { notify })
      : await file(registries, {
          content: registriesYaml(vars.k3s_registries),
          mode: '0600',
          notify,
        }),
    await unit(`${kind === 'server' ? 'k3s' : 'k3s-agent'}.service`, {
      content: k3sUnit(kind, platform.binary),
      notify,
    }),
  )
  return results.some(r => r.changed)
}

/** Keeps a download for another architecture, or of another release than it claims, from replacing the program. */
const runs =
  (version: string) =>
  (candidate: string): string =>
    `${candidate} --version | grep -qF -- '${version} '`
