import { $, file, role, z } from 'fmc'

export default role({
  name: 'owing',
  summary: 'Is killed between a change and its handler',
  vars: z.object({}),
  async tasks() {
    await file('/srv/owing', { content: 'x\n', notify: 'a handler / with *odd* "name"' })
    await $({
      unless: '! test -e /run/block',
    })`touch /run/blocked; while test -e /run/block; do sleep 0.1; done`
  },
  handlers: { 'a handler / with *odd* "name"': () => $`echo ran >>/var/log/owing.log` },
})
