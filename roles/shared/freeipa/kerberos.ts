import { probe } from '../../../lib/index.ts'
import { hostLogin } from './names.ts'

/** true when the Kerberos server gives this host a ticket for its own key, else what kinit says. */
export async function kerberosAnswers(fqdn: string, domain: string): Promise<true | string> {
  const { ok, stderr } = await probe`${hostLogin(fqdn, domain)}`
  return ok || stderr.trim().split('\n').at(-1) || 'kinit does not end'
}
