import { play, playbook } from 'fmc'
import every from '../roles/every/index.ts'

export default playbook('every', [play('Every resource', { hosts: 'both', roles: [every] })])
