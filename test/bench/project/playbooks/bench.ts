import { play, playbook } from '../../../../lib/index.ts'
import bench from '../roles/bench/index.ts'

export default playbook('bench', [play('Bench', { hosts: 'all', roles: [bench] })])
