import { createHash } from 'node:crypto'
import { quote } from '../../lib/shell/quote.ts'
import { DIRECTORIES, FILES, GROUP, HANDLERS, LINE, PACKAGES, SERVICES, USER } from './workload.ts'

/**
 * The floor: one hand-written script that checks the 15 things with as few processes as we know how.
 * Exit 0: everything is as it should be.
 */
export const checkScript = (): string => `LC_ALL=C; export LC_ALL
[ "$(dpkg-query -W -f '\${db:Status-Abbrev}' -- ${PACKAGES.join(' ')} 2>/dev/null)" = '${'ii '.repeat(PACKAGES.length)}' ] || exit 11
getent group ${GROUP} >/dev/null || exit 12
case $(getent passwd ${USER.name}) in *:${USER.home}:${USER.shell}) ;; *) exit 13 ;; esac
[ "$(stat -c '%a %U %G' -- ${paths})" = '${modes}' ] || exit 14
sha256sum -c --status - <<'E' || exit 15
${sums}
E
grep -qxF -e ${quote(LINE.text)} ${LINE.path} || exit 16
[ "$(systemctl show --value -p ActiveState -p UnitFileState -- ${SERVICES.join(' ')})" = '${SERVICES.map(() => 'active\nenabled').join('\n\n')}' ] || exit 17
`

const paths = [...DIRECTORIES, ...FILES].map(f => f.path).join(' ')
const modes = [
  ...DIRECTORIES.map(d => `${Number(d.mode)} ${d.owner} ${d.group}`),
  ...FILES.map(f => `${Number(f.mode)} root root`),
].join('\n')
const sums = FILES.map(
  f => `${createHash('sha256').update(f.content).digest('hex')}  ${f.path}`,
).join('\n')

/**
 * The host's own work of a first apply: the same things done by one script, as root, without asking anything first.
 * Files are validated, written to disk and renamed as fmc does it. Prints the milliseconds that it took.
 */
export const applyScript = (): string => `set -eu
start=$(date +%s%3N)
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
apt-get -q -y -o Dpkg::Options::=--force-confold install --no-install-recommends ${PACKAGES.join(' ')} >/dev/null
groupadd --system ${GROUP}
useradd --system -g ${GROUP} -s ${USER.shell} -d ${USER.home} -M ${USER.name}
${DIRECTORIES.map(d => `mkdir -p ${d.path}; chown ${d.owner}:${d.group} ${d.path}; chmod ${d.mode} ${d.path}`).join('\n')}
${FILES.map(f => `cat >${f.path}.new <<'E'\n${f.content}E\nchmod ${f.mode} ${f.path}.new${f.validate === undefined ? '' : `; ${f.validate.replace('%s', `${f.path}.new`)}`}; sync ${f.path}.new; mv -fT ${f.path}.new ${f.path}`).join('\n')}
echo '${LINE.text}' >>${LINE.path}
${SERVICES.map(s => `systemctl -q enable ${s}; systemctl start ${s}`).join('\n')}
${Object.values(HANDLERS).join('\n')}
echo "took $(($(date +%s%3N) - start))"
`
