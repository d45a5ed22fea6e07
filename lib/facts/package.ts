import { quoteAll } from '../shell/quote.ts'
import { GarbledProbe, type Answer, type Family } from './family.ts'

const installed = (
  family: string,
  { out, code }: Answer,
  args: readonly string[],
  worst: number,
): (string | null)[] => {
  if (code > worst) throw new GarbledProbe(family, `exit ${code}: ${out}`)
  const versions = new Map<string, string>()
  for (const line of out.split('\n')) {
    const [name = '', status, version = ''] = line.split(' ')
    if (status === 'ii') versions.set(name, version)
  }
  return args.map(name => versions.get(name) ?? null)
}

/** Version of an installed Debian package; null when it is not installed (dpkg-query exits 1 for unknown names, 2 when broken). */
export const deb: Family<string | null> = {
  script: args =>
    `dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\${Version}\\n' -- ${quoteAll(args)} 2>/dev/null`,
  parse: (answer, args) => installed('deb', answer, args, 1),
}

/** Version of an installed RPM; null when it is not installed (rpm's exit status counts the missing ones). */
export const rpm: Family<string | null> = {
  script: args =>
    `rpm -q --qf '%{NAME} ii %{VERSION}-%{RELEASE}\\n' -- ${quoteAll(args)} 2>/dev/null`,
  parse: (answer, args) => installed('rpm', answer, args, args.length),
}
