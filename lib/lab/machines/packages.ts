import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../exec.ts'
import type { LabHost, Personality } from '../state.ts'

/** Where a machine finds the packages of lab.packages. */
const PLACE = '/srv/packages'
const DIRS: Readonly<Partial<Record<Personality, string>>> = { debian: 'debian', el9: 'el' }

const dirOf = (labDir: string, personality: Personality): string | undefined => {
  const name = DIRS[personality]
  return name === undefined ? undefined : join(labDir, 'packages', name)
}

/** nspawn's option for a machine that has an image of the lab: a directory whose content may change while it runs. */
export const ownPackagesBind = (labDir: string, personality: Personality): string[] => {
  const dir = dirOf(labDir, personality)
  if (dir === undefined) return []
  mkdirSync(dir, { recursive: true, mode: 0o755 })
  return [`--bind-ro=${dir}:${PLACE}`]
}

/** Puts the packages of a cached directory, or none, where the machines of a lab find them. */
export const publishPackages = async (labDir: string, from: string | undefined): Promise<void> => {
  for (const personality of Object.keys(DIRS) as Personality[]) {
    const to = dirOf(labDir, personality) ?? ''
    mkdirSync(to, { recursive: true, mode: 0o755 })
    for (const name of readdirSync(to)) rmSync(join(to, name), { recursive: true })
    const source = from === undefined ? undefined : join(from, DIRS[personality] ?? '')
    if (source !== undefined && existsSync(source))
      await exec(['cp', '-a', '--reflink=auto', `${source}/.`, to])
  }
}

/** Runs inside the machine. It has the source of lab.packages exactly while there are such packages. */
const REFRESH: Readonly<Partial<Record<Personality, string>>> = {
  debian: `
list=/etc/apt/sources.list.d/fmc-lab-own.list
if [ -e ${PLACE}/Packages ]; then echo 'deb [trusted=yes] file:${PLACE} ./' >$list; else rm -f $list; fi
apt-get -qq update
`,
  el9: `
repo=/etc/yum.repos.d/fmc-lab-own.repo
if [ -e ${PLACE}/repodata ]; then
  printf '%s\\n' '[fmc-lab-own]' 'name=lab.packages of the inventory' 'baseurl=file://${PLACE}' enabled=1 gpgcheck=0 metadata_expire=0 >$repo
  dnf -q makecache --disablerepo='*' --enablerepo=fmc-lab-own
else rm -f $repo; fi
`,
}

/** Makes a running host's package manager see the packages that are published now; `leader` is the process id of its init. */
export const refreshPackages = async (host: LabHost, leader: number | undefined): Promise<void> => {
  const script = REFRESH[host.personality]
  if (script === undefined || leader === undefined) return
  await exec(['nsenter', '-t', String(leader), '-m', '-p', '-r', 'sh', '-ec', script])
}

/** Whether a host can have packages of lab.packages: not a virtual machine, and not from an image of lab.images. */
export const takesPackages = ({ vm, image, personality }: LabHost): boolean =>
  !vm && image !== true && DIRS[personality] !== undefined
