import { play, playbook } from 'fmc'
import sources from '../roles/sources/index.ts'

export default playbook('sources', [play('Sources', { hosts: 'both', roles: [sources] })])
