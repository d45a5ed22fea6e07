import { all, play, playbook } from '../lib/index.ts'
import { longhornHealthy } from '../roles/longhorn/index.ts'
import k3sAgent from '../roles/k3s-agent/index.ts'
import k3sServer, { etcdQuorum, nodesReady } from '../roles/k3s-server/index.ts'
import nodeReplace from '../roles/node-replace/index.ts'

/** A new machine, or one that lost its disk, takes the place of the node that had its name. */
export default playbook(
  'node-replace',
  [
    play('Server', {
      hosts: 'k3s_servers',
      roles: [nodeReplace, k3sServer],
      serial: 1,
      invariant: all(etcdQuorum, nodesReady),
    }),
    play('Agent', {
      hosts: 'k3s_agents',
      roles: [nodeReplace, k3sAgent],
      serial: 1,
      invariant: all(nodesReady, longhornHealthy),
    }),
  ],
  {
    hosts: 'one host',
    confirm: ({ hosts }) => {
      const name = hosts[0]?.name ?? ''
      return {
        question: `The node ${name} is deleted from the cluster, with data that only it has, and ${name} joins as a new node.`,
        answer: name,
      }
    },
  },
)
