import { $, file, gate, probe, role, z } from 'fmc'
import { message } from './templates.ts'

export default role({
  name: 'motd',
  summary: 'What people see when they log in',
  vars: z.object({
    motd_contact: z.string().min(1).describe('Whom to call about this host'),
  }),
  async tasks({ vars, host }) {
    await file('/etc/motd', {
      content: message({ host: host.name, contact: vars.motd_contact }),
      notify: 'log the change',
    })
    await gate('the message names its contact', async () =>
      (await probe`cat /etc/motd`).stdout.includes(vars.motd_contact),
    )
  },
  handlers: {
    'log the change': () => $`logger -t motd 'the message at login has changed'`,
  },
})
