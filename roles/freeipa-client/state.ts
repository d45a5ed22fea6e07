import { TaskError } from '../../lib/index.ts'
import type { Found } from '../shared/freeipa/survey.ts'

/** Is a host enrolled? Throws TaskError for what fmc must not touch, with the command that removes it. */
export function judgeClient(
  found: Found,
  want: { readonly host: string; readonly realm: string },
): 'absent' | 'enrolled' {
  const hint = `if it may go: fmc run ${want.host} -- ipa-client-install --uninstall --unattended; then run again`
  if (found.server !== undefined || found.serverTraces)
    throw new TaskError('a FreeIPA server is installed here, and it is a client of itself already')
  if (found.client === true) {
    if (found.conf['realm'] === want.realm) return 'enrolled'
    throw new TaskError(
      `this host is enrolled in another realm: ${found.conf['realm'] ?? 'unknown'} and not ${want.realm}`,
      { hint },
    )
  }
  if (found.clientTraces)
    throw new TaskError(
      'the enrolment of this host has begun and not come to its end: /var/lib/ipa-client/sysrestore has files',
      { hint: `/var/log/ipaclient-install.log says what happened; ${hint}` },
    )
  return 'absent'
}
