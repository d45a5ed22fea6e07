import {
  $,
  directory,
  file,
  flush,
  gate,
  guarded,
  on,
  probe,
  service,
  unit,
  hosts,
} from '../../../lib/index.ts'
import type { Workload } from './index.ts'
import { playOf, roleOf } from './make.ts'

const reads = (path: string): string =>
  `[Unit]\nDescription=reads ${path}\n[Service]\n# reads ${path}\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n`

/** Two handlers, one in the middle, a gate that waits for its effect, a command that makes a file. */
export const handlers: Workload = {
  name: 'handlers',
  hosts: ['a'],
  unsettled: true,
  plays: v => [
    playOf(
      roleOf(
        'handlers',
        async () => {
          if (v === 'old') await file('/etc/second', { content: 'second old\n' })
          await file('/etc/first', {
            content: `first ${v === 'unsettled' ? 'new' : v}\n`,
            notify: ['one', 'two'],
          })
          await flush()
          await gate(
            'the first is read',
            async () => (await probe`cmp -s /etc/first /srv/running/one`).ok || 'not yet',
            { timeoutSeconds: 20, everySeconds: 0.1 },
          )
          const made = `/srv/made-${v === 'old' ? 'old' : 'new'}`
          await $({
            creates: made,
          })`echo made >/srv/made.part && sync /srv/made.part && mv /srv/made.part ${made}`
          if (v === 'unsettled') await $`true`
          if (v !== 'old')
            await file('/etc/second', {
              content: `second ${v === 'unsettled' ? 'new' : v}\n`,
              notify: 'two',
            })
        },
        {
          one: () => $`mkdir -p /srv/running; cat /etc/first >/srv/running/one`,
          two: () =>
            $`mkdir -p /srv/running; cat /etc/first >/srv/running/two; if test -e /etc/second; then cat /etc/second >>/srv/running/two; fi`,
        },
      ),
    ),
  ],
}

/** A unit, its service, its configuration, a restart. */
export const services: Workload = {
  name: 'services',
  hosts: ['a'],
  units: true,
  plays: v => [
    playOf(
      roleOf(
        'services',
        async () => {
          await file('/etc/web.conf', { content: `web ${v}\n`, notify: 'restart web' })
          await unit('web.service', {
            content: `${reads('/etc/web.conf')}# ${v}\n`,
            notify: 'restart web',
          })
          await service('web')
          if (v === 'new') {
            await file('/etc/job.conf', { content: 'job\n', notify: 'restart job' })
            await unit('job.service', { content: reads('/etc/job.conf'), notify: 'restart job' })
            await service('job')
          }
        },
        {
          'restart web': () => $`systemctl restart web`,
          'restart job': () => $`systemctl restart job`,
        },
      ),
    ),
  ],
}

/** A change that the host undoes unless it is confirmed over a new connection. */
export const guard: Workload = {
  name: 'guard',
  hosts: ['a'],
  guarded: true,
  plays: v => [
    playOf(
      roleOf(
        'guard',
        async () => {
          await guarded(
            'net',
            {
              files: ['/etc/net.conf', '/etc/net.extra'],
              undo: 'cat /etc/net.conf >/srv/net.running',
              seconds: 60,
            },
            async () => {
              await file('/etc/net.conf', { content: `net ${v}\n`, notify: 'reload net' })
              await file('/etc/net.extra', { content: `extra ${v}\n`, notify: 'reload net' })
            },
          )
        },
        { 'reload net': () => $`cat /etc/net.conf >/srv/net.running` },
      ),
    ),
  ],
}

/** Three hosts, one after another: each leaves the rotation, is changed and returns; then each writes down itself on the first. */
export const rolling: Workload = {
  name: 'rolling',
  hosts: ['a', 'b', 'c'],
  plays: v => [
    playOf(
      roleOf(
        'rolling',
        async () => {
          const { changed } = await file('/etc/node.conf', {
            content: `node ${v}\n`,
            notify: 'restart node',
          })
          if (changed) await flush()
          await gate(
            'the node is back',
            async () => (await probe`cmp -s /etc/node.conf /srv/running/node`).ok || 'not yet',
            { timeoutSeconds: 20, everySeconds: 0.1 },
          )
        },
        {
          'restart node': () =>
            $`touch /srv/drained; mkdir -p /srv/running; cat /etc/node.conf >/srv/running/node; rm /srv/drained`,
        },
      ),
      'a:b:c',
      {
        serial: 1,
        invariant: {
          name: 'no other node is out',
          timeoutSeconds: 20,
          async check(when, batch) {
            const out: string[] = []
            for (const h of hosts('all'))
              if (when === 'after' || !batch.includes(h.name))
                if ((await on(h, () => probe`test -e /srv/drained`)).ok) out.push(h.name)
            return out.length === 0 || `out of the rotation: ${out.join(', ')}`
          },
        },
      },
    ),
    playOf(
      roleOf('members', async host => {
        for (const first of hosts('a'))
          if (host !== 'a')
            await on(first, async () => {
              await directory('/etc/members')
              await file(`/etc/members/${host}`, { content: `${host} ${v}\n` })
            })
      }),
      'a:b:c',
      { serial: 1 },
    ),
  ],
}
