import { dirname } from 'node:path/posix'
import { $, directory, file, packages, type Result } from '../../lib/index.ts'
import { cluster, configuration } from './cluster.ts'
import type { Platform } from './platform.ts'
import { hostScript, SCRIPT } from './server.ts'
import { createClusterConf } from './templates.ts'

/** PostgreSQL's packages, without a cluster, and the role's own script. */
export async function installPackages(platform: Platform): Promise<void> {
  if (platform.stream !== undefined) {
    const [module = '', stream = ''] = platform.stream.split(':')
    // A repository that does not answer must not stop it; `packages` says which one it is.
    await $({
      unless: `grep -qx 'stream=${stream}' /etc/dnf/modules.d/${module}.module`,
    })`dnf -qy --setopt='*.skip_if_unavailable=1' module enable ${platform.stream}`
  }
  if (platform.createClusterConf !== undefined) {
    await directory(dirname(platform.createClusterConf))
    await file(platform.createClusterConf, { content: createClusterConf })
  }
  await packages(...platform.packages)
  await directory('/usr/local/libexec')
  await file(SCRIPT, {
    content: hostScript(platform),
    mode: '0755',
    validate: candidate => `sh -n ${candidate}`,
  })
}

/** The database cluster. `changed`: this run creates it. Throws TaskError for a cluster of another major version. */
export async function createCluster(platform: Platform): Promise<Result> {
  const options = { platform, version: platform.version }
  // A new host whose data comes from a share has no configuration directory yet.
  if (platform.adopt !== undefined)
    await directory(dirname(platform.conf), { owner: 'postgres:postgres' })
  const created = await cluster(options)
  await configuration(options)
  return created
}
