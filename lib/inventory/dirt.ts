/** What the lab can put on its hosts that a blank machine does not have; `fmc lab dirt` describes each (lib/lab/dirt.ts). */
export const DIRT = [
  'clock-ahead',
  'dead-repository',
  'docker-forward',
  'dpkg-lock',
  'environment',
  'foreign-exports',
  'full-var',
  'immutable-file',
  'login-shell',
  'max-sessions',
  'no-sftp',
  'noexec-tmp',
  'old-postgresql',
  'other-node-name',
  'port-53',
  'port-8080',
  'rc-files',
  'second-nic',
  'sysctl-conf',
] as const

export type Dirt = (typeof DIRT)[number]
