import { play, playbook } from 'fmc'
import refusals from '../roles/refusals/index.ts'

export default playbook('refusals', [play('Refusals', { hosts: 'both', roles: [refusals] })])
