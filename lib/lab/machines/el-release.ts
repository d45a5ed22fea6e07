import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Os } from '../../inventory/types.ts'

const NAMES = {
  almalinux: { name: 'AlmaLinux', codename: 'Teal Serval', home: 'https://almalinux.org/' },
  rocky: { name: 'Rocky Linux', codename: 'Blue Onyx', home: 'https://rockylinux.org/' },
} as const

/** The text of os-release(5) as the packages almalinux-release and rocky-release have it; 9.5 where no version is given. */
export const elRelease = ({ name: id, version = '9.5' }: Os): string => {
  const { name, codename, home } = NAMES[id === 'rocky' ? 'rocky' : 'almalinux']
  const major = version.split('.')[0] ?? version
  return `NAME="${name}"
VERSION="${version} (${codename})"
ID="${id}"
ID_LIKE="rhel centos fedora"
VERSION_ID="${version}"
PLATFORM_ID="platform:el${major}"
PRETTY_NAME="${name} ${version} (${codename})"
ANSI_COLOR="0;34"
LOGO="fedora-logo-icon"
CPE_NAME="cpe:/o:${id}:${id}:${major}::baseos"
HOME_URL="${home}"
`
}

/** Writes os-release, and the files that name the release in one line, into a machine's upper layer. */
export const prepareElRelease = (upper: string, os: Os): void => {
  const release = elRelease(os)
  const line = `${/^NAME="(.*)"$/m.exec(release)?.[1] ?? ''} release ${/^VERSION="(.*)"$/m.exec(release)?.[1] ?? ''}\n`
  mkdirSync(join(upper, 'usr/lib'), { recursive: true })
  writeFileSync(join(upper, 'usr/lib/os-release'), release)
  for (const name of ['redhat-release', 'system-release', `${os.name}-release`])
    writeFileSync(join(upper, 'etc', name), line)
}
