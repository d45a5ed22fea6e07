import { play, playbook } from '../lib/index.ts'
import { page } from '../roles/health/diagnose.ts'
import health from '../roles/health/index.ts'

/** What is wrong, on one page, most important first. Read-only; exits with 2 if something is. */
export default playbook('health', [play('Look', { hosts: 'all', roles: [health] })], {
  readOnly: true,
  conclude: page,
})
