import { play, playbook } from '../../../../lib/index.ts'
import many from '../roles/many/index.ts'

export default playbook('many', [play('Many', { hosts: 'all', roles: [many] })])
