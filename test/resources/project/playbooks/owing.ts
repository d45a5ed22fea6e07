import { play, playbook } from 'fmc'
import owing from '../roles/owing/index.ts'

export default playbook('owing', [play('Owing', { hosts: 'deb2', roles: [owing] })])
