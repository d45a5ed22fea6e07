import { quoteAll } from '../shell/quote.ts'
import { GarbledProbe, wholeLines, type Answer, type Family } from './family.ts'

/**
 * Which versions of a package the host's repositories offer, as far as the host knows without asking them: from the lists that
 * apt has fetched, from dnf's cache.
 *
 * - `installed`: the package is installed in a version that fits, so fmc did not look.
 * - `unknown`: an earlier change of the plan may add a repository, or the host does not exist yet.
 */
export type OfferFact = 'installed' | 'unknown' | Offer

export interface Offer {
  /** All versions of all repositories, as the package manager prints them. */
  readonly versions: readonly string[]
  /** The version that the package manager takes when none is named; null: none. A virtual package has none. */
  readonly candidate: string | null
  /** Seconds since the lists were last fetched. never: there are none. changed: the repositories' configuration is newer. */
  readonly lists: number | 'never' | 'changed'
  /** Repositories of which there is no list. */
  readonly unfetched: readonly string[]
  /** What the package manager says when it cannot read its configuration or its lists; empty: nothing. */
  readonly trouble: string
}

/** The argument of a question: a package, and which versions of it will do, as a shell pattern. */
export const offerArg = (name: string, version = '*'): string => `${name} ${version}`
const nameOf = (arg: string): string => arg.slice(0, arg.indexOf(' '))

const NEVER = 'never'
const CHANGED = 'changed'

/**
 * Shell text, part of a subshell: prints "missing ARG" for each argument that no line of `$have` fits, and ends the subshell if
 * there is none. The lines of `$have` are "NAME VERSION"; `alternatives` are the patterns that fit.
 */
const missing = (args: readonly string[], alternatives: string): string => `set -f
IFS='
'
set --
for a in ${quoteAll(args)}; do
  n=\${a%% *} v=\${a#* } found=
  for l in $have; do case $l in ${alternatives}) found=1 ;; esac; done
  [ -n "$found" ] || set -- "$@" "$a"
done
unset IFS
set +f
[ $# -gt 0 ] || exit 0
printf 'missing %s\\n' "$@"`

/** Shell text: prints "lists never", "lists changed" or "lists SECONDS" (by the newest of the files in "$@"). */
const age = (local: string): string => `if [ -z "$fetched" ]; then echo 'lists never'
elif [ -n "$newer" ]; then echo 'lists changed'
elif ${local}; then echo 'lists 0'
else
  last=0
  for t in $(stat -c %Y -- "$@"); do [ "$t" -le "$last" ] || last=$t; done
  now=$(date +%s)
  [ "$last" -le "$now" ] || last=$now
  echo "lists $((now - last))"
fi`

const LISTS = '/var/lib/apt/lists'
/** Without these options apt-cache would write the cache that it builds (apt.conf(5), Dir::Cache). */
const READ_ONLY = '-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache='

/**
 * apt-get update writes into lists/partial each time, and into lists if something has changed. dpkg keeps the checksums of exactly
 * the packages that are installed, so that asking for those takes no process. `apt-get --print-uris update` connects to nothing.
 */
export const debOffer: Family<OfferFact> = {
  bytes: { each: 256 * 1024 },
  script(args) {
    const names = [...new Set(args.map(nameOf))]
    const quick = args.every(arg => arg === offerArg(nameOf(arg)))
      ? `all() { for n in ${quoteAll(names)}; do [ ! -e /var/lib/dpkg/info/"$n".md5sums ] || continue; for f in /var/lib/dpkg/info/"$n":*.md5sums; do [ ! -e "$f" ] || continue 2; done; return 1; done; }
all && exit 0`
      : ''
    return `( ${quick}
have=$(dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\${Version}\\n' -- ${quoteAll(names)} 2>/dev/null)
${missing(args, '"$n "[a-z]i" "$v')}
fetched=; for f in ${LISTS}/*_Packages ${LISTS}/*_Packages.*; do [ ! -e "$f" ] || { fetched=1; break; }; done
remote=; for f in ${LISTS}/[!_]*_Packages*; do [ ! -e "$f" ] || { remote=1; break; }; done
newer=$(find /etc/apt /usr/share/keyrings -newer ${LISTS} -newer ${LISTS}/partial 2>/dev/null | head -n 1)
wanted=; for a in "$@"; do wanted="$wanted \${a%% *}"; done
set -- ${LISTS} ${LISTS}/partial
${age('[ -z "$remote" ]')}
apt-get --print-uris update 2>/dev/null | while read -r uri list rest; do
  case $list in *_InRelease) [ -e "${LISTS}/$list" ] || [ -e "${LISTS}/\${list%InRelease}Release" ] || printf 'unfetched %s\\n' "$uri" ;; esac
done
echo policy
apt-cache ${READ_ONLY} policy -- $wanted )`
  },
  parse: (answer, args) => parsed('debOffer', answer, args, policy),
}

/** dnf's caches of repositories. dnf sets the time of this file when it fetches the repository's data, or finds them unchanged. */
const CACHES = '/var/cache/dnf/*/repodata/*primary.xml*'

/** dnf's option that goes on without a repository that it cannot reach (dnf.conf(5)). */
export const SKIP_DEAD = "--setopt='*.skip_if_unavailable=1'"

/**
 * Shell text before a command: what it writes into dnf's cache and logs goes into memory, in a mount namespace of its own. dnf -C locks
 * its cache with a file there, and sets times of others.
 */
const UNTOUCHED = `unshare -m sh -c 'mount -t tmpfs tmpfs /mnt && mkdir /mnt/new /mnt/work && mount -t overlay overlay -o lowerdir=/var/cache/dnf,upperdir=/mnt/new,workdir=/mnt/work /var/cache/dnf && exec "$@"' sh`

/** -C: dnf takes everything from its cache (dnf(8)). */
export const rpmOffer: Family<OfferFact> = {
  bytes: { each: 256 * 1024 },
  script(args) {
    const names = [...new Set(args.map(nameOf))]
    return `( have=$(rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\\n' -- ${quoteAll(names)} 2>/dev/null)
${missing(args, '"$n "$v | "$n "$v-*')}
wanted=; for a in "$@"; do wanted="$wanted \${a%% *}"; done
fetched=; for f in ${CACHES}; do [ ! -e "$f" ] || [ -n "$fetched" ] && [ ! "$f" -nt "$fetched" ] || fetched=$f; done
newer=; [ -z "$fetched" ] || newer=$(find /etc/yum.repos.d /etc/dnf /etc/pki/rpm-gpg -newer "$fetched" 2>/dev/null | head -n 1)
set -- "$fetched"
${age("! grep -qsE '^(baseurl|mirrorlist|metalink) *= *(https?|ftp):' /etc/yum.repos.d/*.repo")}
echo policy
${UNTOUCHED} dnf -C ${SKIP_DEAD} --setopt=logdir=/mnt/work repoquery --qf '%{name} %{version}-%{release}' -- $wanted )`
  },
  parse: (answer, args) => parsed('rpmOffer', answer, args, repoquery),
}

type Versions = ReadonlyMap<string, Pick<Offer, 'versions' | 'candidate'>>
const NOTHING = { versions: [], candidate: null } as const

function parsed(
  family: 'debOffer' | 'rpmOffer',
  { out, err, code }: Answer,
  args: readonly string[],
  read: (lines: readonly string[]) => Versions,
): OfferFact[] {
  const lines = wholeLines(family, out)
  const cut = lines.indexOf('policy')
  const head = cut < 0 ? lines : lines.slice(0, cut)
  const of = (key: string): string[] =>
    head.filter(line => line.startsWith(`${key} `)).map(line => line.slice(key.length + 1))
  const absent = new Set(of('missing'))
  if (absent.size === 0 && lines.length === 0) return args.map(() => 'installed')
  const [state = '', ...more] = of('lists')
  const lists = state === NEVER || state === CHANGED ? state : Number(state)
  const known = absent.size + 1 + of('unfetched').length
  if (
    cut < 0 ||
    more.length > 0 ||
    head.length !== known ||
    !/^(never|changed|\d{1,10})$/.test(state)
  )
    throw new GarbledProbe(family, err || out)
  if ([...absent].some(arg => !args.includes(arg))) throw new GarbledProbe(family, out)
  // dnf: "Error: Cache-only enabled but no cache for 'x'", "Ignoring repositories: x, y".
  const ignored = /^Ignoring repositories: (.*)$/m.exec(err)?.[1]?.split(', ') ?? []
  const trouble = code === 0 ? '' : err.trim() || `exit code ${code}`
  const found = code === 0 ? read(lines.slice(cut + 1)) : new Map<string, never>()
  return args.map(arg =>
    absent.has(arg)
      ? {
          ...(found.get(nameOf(arg)) ?? NOTHING),
          lists,
          unfetched: [
            ...of('unfetched').map(uri => uri.replace(/^'|\/(?:In)?Release'$/g, '')),
            ...ignored,
          ],
          trouble,
        }
      : 'installed',
  )
}

/**
 * `apt-cache policy` (apt-cache(8)): for each package that apt has heard of its name, the installed version, the candidate, and a table
 * of versions, each with the places that have it.
 */
function policy(lines: readonly string[]): Versions {
  const found = new Map<string, { versions: string[]; candidate: string | null }>()
  let now: { versions: string[]; candidate: string | null } | undefined
  let version = ''
  for (const line of lines) {
    const name = /^(\S+):$/.exec(line)?.[1]
    if (name !== undefined) {
      now = { versions: [], candidate: null }
      found.set(name, now)
      continue
    }
    if (!now) throw new GarbledProbe('debOffer', line)
    const candidate = /^ {2}Candidate: (\S+)$/.exec(line)?.[1]
    if (candidate !== undefined) now.candidate = candidate === '(none)' ? null : candidate
    else if (/^ {2}(Installed|Package pin|Version table):/.test(line)) version = ''
    else {
      const listed = /^ (?:\*\*\*| {3}) (\S+) -?\d+(?: .*)?$/.exec(line)?.[1]
      const place = /^ {8,}-?\d+ (\S.*)$/.exec(line)?.[1]
      if (listed !== undefined) version = listed
      else if (place === undefined || version === '') throw new GarbledProbe('debOffer', line)
      // The status file lists what is installed, or was; it offers nothing.
      else if (place !== '/var/lib/dpkg/status' && !now.versions.includes(version))
        now.versions.push(version)
    }
  }
  for (const one of found.values())
    if (one.candidate !== null && !one.versions.includes(one.candidate)) one.candidate = null
  return found
}

/** `dnf repoquery`: a line for each version, the newest last. */
function repoquery(lines: readonly string[]): Versions {
  const found = new Map<string, { versions: string[]; candidate: string | null }>()
  for (const line of lines) {
    const [, name = '', version = ''] = /^(\S+) (\S+)$/.exec(line) ?? []
    if (name === '') throw new GarbledProbe('rpmOffer', line)
    const one = found.get(name) ?? { versions: [], candidate: null }
    found.set(name, one)
    if (!one.versions.includes(version)) one.versions.push(version)
    one.candidate = version
  }
  return found
}
