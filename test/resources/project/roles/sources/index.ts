import { archive, file, packages, role, Secret, template, timer, tree, $, z } from 'fmc'

/** A version of an installed one, one that is missing, and one that has to go. */
const PACKAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  debian: { cron: '3.0*', keepalived: 'absent' },
  el: { chrony: '4.*', keepalived: 'absent' },
}

export default role({
  name: 'sources',
  summary: 'Files of the project, packages with versions, timers',
  vars: z.object({
    every_secret: z.instanceof(Secret).describe('A secret'),
    sources_hour: z.coerce.number().default(3).describe('When the timer runs'),
    sources_archive: z.string().default('app-1.tar.gz').describe('The archive'),
  }),
  async tasks({ vars, host }) {
    await tree('files/app', '/srv/tree/app', {
      owner: 'daemon:daemon',
      purge: true,
      notify: 'note it',
    })
    await tree('files/app', '/srv/tree/all')
    await file('/srv/tree/greeting', {
      content: template('greeting.tmpl', { name: host.name, port: 8080 }),
    })
    await file('/srv/tree/secret', {
      content: template('secret.tmpl', { password: vars.every_secret }),
      mode: '0600',
    })
    await archive(vars.sources_archive, '/opt/unpacked', { strip: 1, notify: 'note it' })
    await timer('sources-note', {
      calendar: `Mon *-*-* 0${vars.sources_hour}:00`,
      command: `printf '%s|' "100%" "$(id -un)" 'a\\b' >/tmp/sources-note
true`,
      user: 'daemon',
      spreadSeconds: 60,
    })
    const wanted = PACKAGES[host.os.family]
    if (wanted) await packages(wanted)
  },
  handlers: { 'note it': () => $`echo noted >>/var/log/sources.log` },
})
